//! The simulator itself: its routes, every switch, every fault, and bad world files.
//!
//! The tests speak plain HTTP with a client of their own, so that nothing of rosterd's
//! client can hide a mistake here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stopped")]

mod control;
mod faults;
mod routes;
mod switches;
mod worlds;

use reqwest::{Client, Method, RequestBuilder};
use rosterd::simulator::{Simulator, World};
use serde_json::{Value, json};

/// A simulator and a client with a good token.
struct Bench {
    simulator: Simulator,
    client: Client,
    token: String,
    ids: Ids,
}

/// The ids that most tests need.
struct Ids {
    ann: String,
    bob: String,
    cy: String,
    staff: String,
}

/// What came back: the status and, if there is one, the JSON body.
#[derive(Debug, Clone, PartialEq)]
struct Got {
    status: u16,
    body: Value,
}

/// Ann and Bob are in Staff, Cy is in nothing.
fn world() -> (World, Ids) {
    let mut world = World::new("corp");
    let ann = world.add_user("ann@corp.example");
    let bob = world.add_user("bob@corp.example");
    let cy = world.add_user("cy@corp.example");
    let staff = world.add_group("Staff", &[&ann, &bob]);
    (world, Ids { ann, bob, cy, staff })
}

fn client() -> Client {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().no_proxy().retry(reqwest::retry::never()).tls_backend_preconfigured(tls).build().unwrap()
}

impl Bench {
    /// A simulator around [`world`], changed first.
    async fn with(change: impl FnOnce(&mut World)) -> Self {
        let (mut world, ids) = world();
        change(&mut world);
        let simulator = Simulator::start(world).await.unwrap();
        let mut bench = Self { simulator, client: client(), token: String::new(), ids };
        let reply = bench.ask_token(json!({})).await;
        bench.token = reply.body["access_token"].as_str().unwrap_or_default().to_owned();
        bench
    }

    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// Asks for a token with good credentials, some fields changed.
    async fn ask_token(&self, changes: Value) -> Got {
        let credentials = self.simulator.world().client;
        let mut body = json!({
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        });
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        got(self.client.post(self.simulator.token_url()).form(&body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.simulator.api_url())).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Got {
        got(self.request(Method::GET, path)).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Got {
        got(self.request(method, path).json(&body)).await
    }

    async fn create(&self, body: Value) -> Got {
        self.send(Method::POST, "/groups", body).await
    }

    async fn patch(&self, body: Value) -> Got {
        self.send(Method::PATCH, &format!("/groups/{}", self.ids.staff), body).await
    }

    async fn add(&self, ids: &[&str]) -> Got {
        self.send(Method::POST, &self.members_path(), json!({ "userIds": ids })).await
    }

    async fn remove(&self, ids: &[&str]) -> Got {
        self.send(Method::PUT, &format!("{}/delete", self.members_path()), json!({ "userIds": ids })).await
    }

    fn members_path(&self) -> String {
        format!("/groups/{}/users", self.ids.staff)
    }

    /// The addresses of Staff's members.
    fn staff(&self) -> Vec<String> {
        self.simulator.world().member_emails("Staff")
    }

    /// A call under `/_sim/`.
    async fn steer(&self, method: Method, path: &str, body: Value) -> Got {
        got(self.client.request(method, format!("{}/_sim/{path}", self.simulator.url())).json(&body)).await
    }
}

async fn got(request: RequestBuilder) -> Got {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    Got { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// The texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

fn sorted<'a>(ids: &[&'a str]) -> Vec<&'a str> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}
