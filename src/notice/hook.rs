//! Hooks: one POST of a JSON document. Floor 2.

use reqwest::{Client, Proxy, Response, Url};

use super::error::{NoticeError, cause, quote};
use super::settings::NoticeSettings;
use super::{DEADLINE, Message};
use crate::secret::Secret;
use crate::tls;

/// Nothing of an answer is read beyond this.
const LONGEST_ANSWER: usize = 4096;

/// Posts the body.
pub(super) async fn post(address: &Secret, settings: &NoticeSettings, message: &Message) -> Result<(), NoticeError> {
    let url = Url::parse(address.expose()).map_err(|_| NoticeError::lasting("the hook's address is no web address"))?;
    let client = client(&url, settings)?;
    let request = client.post(url).header("content-type", "application/json").body(message.body.clone());
    let failed = |error: reqwest::Error| {
        if let Some(refused) = NoticeError::of_tls(&error) {
            return refused;
        }
        // The address is the secret, and reqwest names it.
        let error = error.without_url();
        match error.is_timeout() {
            true => NoticeError::again(format!("no answer within {} s", DEADLINE.as_secs())),
            false => NoticeError::again(quoted(&cause(&error), address)),
        }
    };
    let response = request.send().await.map_err(failed)?;
    judge(response, address).await
}

async fn judge(mut response: Response, address: &Secret) -> Result<(), NoticeError> {
    let status = response.status().as_u16();
    let mut answer = Vec::new();
    // The status has said it all; what comes behind it is a courtesy.
    while answer.len() < LONGEST_ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        answer.extend(chunk.iter().take(LONGEST_ANSWER - answer.len()));
    }
    let answer = quoted(&String::from_utf8_lossy(&answer), address);
    match status {
        200..=299 => Ok(()),
        300..=399 => Err(NoticeError::again(format!("status {status}: a redirect, which is not followed"))),
        // These are about what was sent, and not about who sent it or where.
        400 | 413 | 422 => Err(NoticeError::lasting(format!("status {status}: {answer}"))),
        _ => Err(NoticeError::again(format!("status {status}: {answer}"))),
    }
}

fn quoted(text: &str, address: &Secret) -> String {
    match quote(text, &[address.expose()]) {
        words if words.is_empty() => "no message".to_owned(),
        words => words,
    }
}

/// A client for one attempt: notices are rare, and a renewed authority counts at once.
fn client(url: &Url, settings: &NoticeSettings) -> Result<Client, NoticeError> {
    let plain = url.scheme() == "http" && settings.proxy.as_ref().is_none_or(|proxy| proxy.starts_with("http://"));
    let mut config = match plain {
        true => tls::trusting_nobody()?,
        false => {
            let (config, warnings) = tls::client_config(&settings.trust)?;
            for warning in warnings {
                tracing::debug!("{warning}");
            }
            config
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(concat!("rosterd/", env!("CARGO_PKG_VERSION")))
        .timeout(DEADLINE)
        .connect_timeout(DEADLINE / 2)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    if let Some(proxy) = &settings.proxy {
        let proxy = Proxy::all(proxy).map_err(|_| NoticeError::lasting("proxy is no address of a proxy"))?;
        builder = builder.no_proxy().proxy(proxy);
    } else if is_loopback(url) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| NoticeError::lasting(cause(&error)))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
