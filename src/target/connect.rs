//! Floor 2: building the HTTP client: TLS, proxies, deadlines; and naming what keeps it from
//! connecting.

use std::error::Error;
use std::time::Duration;

use reqwest::{Proxy, Url};

use super::Settings;
use super::error::TargetError;
use super::redact::excerpt;
use crate::tls;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// What reqwest, hyper-util and hyper say above the cause.
const HOLLOW: [&str; 4] =
    ["error sending request", "client error (Connect)", "client error (SendRequest)", "tcp connect error"];

/// reqwest's own text hides the cause: the causes are what helps.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error as &dyn Error);
    while let Some(cause) = next {
        let text = cause.to_string();
        // Layers that say no more than that there is a cause.
        let hollow = cause.source().is_some() && HOLLOW.contains(&text.as_str());
        if !hollow && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    let text = parts.join(": ");
    excerpt(text.split(" (os error").next().unwrap_or_default(), &[])
}

/// Parses an address of the settings.
pub(super) fn parse_url(key: &'static str, text: &str) -> Result<Url, TargetError> {
    let fault = |why: String| TargetError::Setting { key, why };
    let url = Url::parse(text).map_err(|error| fault(format!("is no address: {error}")))?;
    if url.cannot_be_a_base() || !url.has_host() || !matches!(url.scheme(), "http" | "https") {
        return Err(fault("is no http or https address".into()));
    }
    Ok(url)
}

/// The client of all requests. What a call may take, where it goes and whether it is repeated is said
/// here or in the retry layer, never left to reqwest (which follows redirects and repeats by itself).
pub(super) fn http_client(settings: &Settings, base: &Url) -> Result<reqwest::Client, TargetError> {
    let mut config = tls_config(settings)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(concat!("rosterd/", env!("CARGO_PKG_VERSION")))
        .timeout(settings.timeout)
        .read_timeout(settings.timeout)
        .connect_timeout(settings.timeout.min(CONNECT))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .gzip(true)
        .tls_info(true);
    if let Some(proxy) = &settings.proxy {
        // An address without a scheme would silently mean http.
        let url = parse_url("proxy", proxy)?;
        tracing::info!(
            proxy = url.host_str().unwrap_or_default(),
            "requests go through the proxy of the configuration"
        );
        let proxy = Proxy::all(url)
            .map_err(|_| TargetError::Setting { key: "proxy", why: "is no address of a proxy".into() })?;
        builder = builder.no_proxy().proxy(proxy);
    } else if is_loopback(base) && parse_url("token_url", &settings.token_url).is_ok_and(|url| is_loopback(&url)) {
        builder = builder.no_proxy();
    } else {
        name_environment_proxies();
    }
    builder.build().map_err(|error| TargetError::Setting { key: "api_url", why: causes(&error) })
}

/// The system's authorities are read only where some address needs them.
fn tls_config(settings: &Settings) -> Result<rustls::ClientConfig, TargetError> {
    let addresses = [Some(&settings.api_url), Some(&settings.token_url), settings.proxy.as_ref()];
    if addresses.into_iter().flatten().all(|address| address.starts_with("http://")) {
        return Ok(tls::trusting_nobody()?);
    }
    let (config, warnings) = tls::client_config(&settings.trust)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// reqwest reads these variables; a person should see that they count.
fn name_environment_proxies() {
    let set: Vec<&str> =
        ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"]
            .into_iter()
            .filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
            .collect();
    if !set.is_empty() {
        tracing::info!(variables = set.join(" "), "requests go by the proxy variables of the environment");
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}
