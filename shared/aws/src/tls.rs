//! The HTTP client with TLS, and the certificate authorities that it trusts.

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

/// The root certificates of Amazon Trust Services, to which the certificates of all AWS addresses lead (AWS General
/// Reference, "Amazon Trust Services"). They are those of <https://www.amazontrust.com/repository/>. A test has their
/// fingerprints.
const AMAZON: &[u8] = include_bytes!("amazon-roots.pem");

/// The certificate authorities that are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Amazon's five. A system has more than a hundred, all of which would be parsed in every cold start.
    Amazon,
    /// Those that the system trusts, or those in the file that `SSL_CERT_FILE` names.
    Native,
}

/// An HTTP client for these endpoints; `None` stands for AWS's own address.
pub(crate) fn http_client<const N: usize>(endpoints: [Option<&str>; N], trust: Trust) -> SharedHttpClient {
    // TLS costs memory and start-up time, which endpoints without TLS don't need.
    if endpoints.into_iter().all(is_plain) {
        return Builder::new().build_http();
    }
    let store = match trust {
        Trust::Amazon => TrustStore::empty().with_pem_certificate(AMAZON),
        Trust::Native => TrustStore::default(),
    };
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    // Building the context checks nothing, so it can't fail.
    client.tls_context(TlsContext::builder().with_trust_store(store).build().unwrap_or_default()).build_https()
}

/// Whether an endpoint is without TLS, as the endpoints on this machine are.
pub(crate) fn is_plain(endpoint: Option<&str>) -> bool {
    endpoint.is_some_and(|url| url.starts_with("http://"))
}

#[cfg(test)]
mod tests {

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use data_encoding::HEXLOWER;

    use super::*;

    /// The SHA-256 of each certificate, as Amazon Trust Services publishes it.
    const FINGERPRINTS: [(&str, &str); 5] = [
        ("Amazon Root CA 1", "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e"),
        ("Amazon Root CA 2", "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4"),
        ("Amazon Root CA 3", "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4"),
        ("Amazon Root CA 4", "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092"),
        (
            "Starfield Services Root Certificate Authority - G2",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ),
    ];

    #[test]
    fn the_root_certificates_are_those_of_amazon_and_no_others() {
        let text = std::str::from_utf8(AMAZON).expect("text");
        let certificates = text.split_terminator("-----END CERTIFICATE-----").filter(|part| !part.trim().is_empty());
        let found: Vec<_> = certificates
            .map(|part| {
                let (name, encoded) = part.split_once("-----BEGIN CERTIFICATE-----").expect("a certificate");
                let der = STANDARD.decode(encoded.split_whitespace().collect::<String>()).expect("base64");
                (name.trim().trim_start_matches("# "), HEXLOWER.encode(&Sha256::digest(der)))
            })
            .collect();
        let found: Vec<_> = found.iter().map(|(name, hash)| (*name, hash.as_str())).collect();
        assert_eq!(found, FINGERPRINTS);
    }

    #[test]
    fn an_endpoint_is_plain_only_if_it_says_so() {
        assert!(is_plain(Some("http://127.0.0.1:8000")));
        assert!(!is_plain(Some("https://127.0.0.1:8000")));
        assert!(!is_plain(None));
    }
}
