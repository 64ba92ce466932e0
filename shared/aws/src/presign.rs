//! URLs of firmware images that are good for a while.

use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_core::Timestamp;

use crate::config::{Environment, Lookup, Settings, variable};

/// What stands for itself in a query (RFC 3986, section 2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What stands for itself in the path of an object.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Makes URLs of images that are good for a while (Amazon S3, "Sharing objects with presigned URLs"). Signing needs no
/// call: whoever signs must be allowed to read what the URL is for.
#[derive(Clone, Debug)]
pub(crate) struct Presigner {
    bucket: Option<String>,
    region: String,
    /// Where S3 is, if not at its own address.
    endpoint: Option<String>,
}

/// A URL that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum PresignError {
    /// No bucket is configured.
    #[error("{} is not set", variable::FIRMWARE_BUCKET)]
    NoBucket,
    /// There are no credentials.
    #[error("there are no credentials to sign with")]
    Credentials(#[source] aws_credential_types::provider::error::CredentialsError),
    /// The request can't be signed.
    #[error("the URL can't be signed")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Presigner {
    /// For the bucket that a function is configured with.
    pub(crate) fn open(settings: &Settings) -> Self {
        let endpoint = Environment.get(variable::ENDPOINT_URL_S3).or_else(|| Environment.get(variable::ENDPOINT_URL));
        let bucket = Environment.get(variable::FIRMWARE_BUCKET);
        Self { bucket, region: settings.region.clone(), endpoint }
    }

    /// How long a URL is good for, in seconds: long enough to begin a download after a bad minute, short enough that one
    /// that leaks is worth little. A node that comes too late asks again.
    pub(crate) const EXPIRES_IN_S: u32 = 900;

    /// The URL of an object, good from now on.
    ///
    /// # Errors
    /// If it can't be signed.
    pub(crate) async fn url(&self, object_key: &str, now: Timestamp) -> Result<String, PresignError> {
        let url = self.object(object_key)?;
        let credentials = EnvironmentVariableCredentialsProvider::new().provide_credentials().await;
        let credentials = credentials.map_err(PresignError::Credentials)?;
        presign("GET", &url, &self.region, credentials, now, Self::EXPIRES_IN_S)
    }

    /// Where an object is: under the bucket's own name, or below an endpoint that a person named.
    fn object(&self, object_key: &str) -> Result<String, PresignError> {
        let bucket = self.bucket.as_deref().ok_or(PresignError::NoBucket)?;
        let path = utf8_percent_encode(object_key, PATH);
        Ok(match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{path}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{}.amazonaws.com/{path}", self.region),
        })
    }
}

/// A URL in S3 that is good for one method, from a time on and for some seconds.
///
/// # Errors
/// If it can't be signed.
pub fn presign(
    method: &str,
    url: &str,
    region: &str,
    credentials: Credentials,
    from: Timestamp,
    seconds: u32,
) -> Result<String, PresignError> {
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(seconds.into()));
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(from.0))
        .settings(settings)
        .build()
        .map_err(signing)?
        .into();
    let request =
        SignableRequest::new(method, url, std::iter::empty(), SignableBody::UnsignedPayload).map_err(signing)?;
    let (instructions, _) = sign(request, &parameters).map_err(signing)?.into_parts();
    let parameters = instructions.params().iter();
    let query: Vec<_> =
        parameters.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY))).collect();
    Ok(format!("{url}?{}", query.join("&")))
}

fn signing(error: impl std::error::Error + Send + Sync + 'static) -> PresignError {
    PresignError::Signing(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_under_its_buckets_name_or_below_a_named_endpoint() {
        let at = |endpoint: Option<&str>| Presigner {
            bucket: Some("images".to_owned()),
            region: "eu-west-1".to_owned(),
            endpoint: endpoint.map(str::to_owned),
        };
        let object = |presigner: &Presigner| presigner.object("ax-2/2.5 +ä?.bin").expect("a bucket");
        let path = "ax-2/2.5%20%2B%C3%A4%3F.bin";
        assert_eq!(object(&at(None)), format!("https://images.s3.eu-west-1.amazonaws.com/{path}"));
        assert_eq!(object(&at(Some("http://127.0.0.1:4566/"))), format!("http://127.0.0.1:4566/images/{path}"));
        let nowhere = Presigner { bucket: None, ..at(None) };
        assert!(matches!(nowhere.object("x"), Err(PresignError::NoBucket)));
    }
}
