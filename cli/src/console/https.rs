//! Connections with TLS where it is needed.

use std::sync::Arc;

use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};

use crate::problem::Problem;

/// What a client connects with. `https`: whether to a server with TLS. Such servers are trusted by the system's
/// certificates, which are read only if they are needed.
///
/// # Errors
/// If there are no certificates.
pub(super) fn connector(https: bool) -> Result<HttpsConnector<HttpConnector>, Problem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Problem::plain(&error))?;
    let config = if https {
        config.with_native_roots().map_err(|error| {
            Problem::with_advice(&error, "install the system's certificates (Debian: apt install ca-certificates)")
        })?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    let config = config.with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}
