//! An S3 bucket: the URLs of its objects, and signed requests for them.

use std::time::{Duration, SystemTime};

use ::http::Request;
use ::http::header::CONTENT_LENGTH;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningInstructions,
    SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_core::{Seconds, Timestamp};

use crate::client::{LOCAL_REGION, credentials, local_credentials};
use crate::config::{ConfigError, Lookup, variable};

/// The characters that are not encoded in a query (RFC 3986, section 2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The characters that are not encoded in the path of an object.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// An S3 bucket. Signing needs no call; whether the bucket allows a request shows when the request is sent.
#[derive(Clone, Debug)]
pub struct Bucket {
    name: String,
    region: String,
    /// The URL of S3, if it is not AWS's own.
    endpoint: Option<String>,
    /// Whether that takes local credentials alone.
    local: bool,
}

/// A request that can't be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// There are no credentials.
    #[error("there are no credentials to sign with")]
    Credentials(#[source] aws_credential_types::provider::error::CredentialsError),
    /// The request is not valid.
    #[error("the request can't be signed")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Bucket {
    /// The bucket with this name, in this region, at the S3 endpoint that the environment names.
    pub(crate) fn new(lookup: &impl Lookup, name: String, region: String) -> Self {
        Self { name, region, endpoint: endpoint(lookup), local: false }
    }

    /// The bucket with this name. Its endpoint is `named`, or else the one that the environment names; its region is
    /// the one that the environment names.
    ///
    /// # Errors
    /// If no region is set and there is no endpoint: AWS's own address has a region in it.
    pub fn find(lookup: &impl Lookup, name: String, named: Option<String>) -> Result<Self, ConfigError> {
        let endpoint = named.or_else(|| endpoint(lookup));
        let local = endpoint.as_ref().map(|_| LOCAL_REGION.to_owned());
        let region = lookup.get(variable::REGION).or(local).ok_or(ConfigError::Missing(variable::REGION))?;
        Ok(Self { name, region, endpoint, local: false })
    }

    /// The one with this name of an S3 on this machine, which takes [local credentials](local_credentials) and no
    /// others, whatever the environment has.
    pub fn local(name: String, endpoint: String) -> Self {
        Self { name, region: LOCAL_REGION.to_owned(), endpoint: Some(endpoint), local: true }
    }

    /// The request that puts an object, without its body. It is signed for a body of this size in bytes and this
    /// SHA-256 in lower-case hexadecimal, which S3 compares with the body that it gets.
    ///
    /// # Errors
    /// If it can't be signed.
    pub async fn put(
        &self,
        object_key: &str,
        size: u64,
        sha256: &str,
        now: Timestamp,
    ) -> Result<Request<()>, SignError> {
        let url = self.object(object_key);
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let body = SignableBody::Precomputed(sha256.to_owned());
        let signed = sign("PUT", &url, body, &self.region, self.credentials().await?, settings, now)?;
        let request = Request::put(url).header(CONTENT_LENGTH, size).body(());
        let mut request = request.map_err(unsignable)?;
        signed.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    /// A URL from which an object can be fetched, for this many seconds from now on.
    ///
    /// # Errors
    /// If it can't be signed.
    pub(crate) async fn presigned(
        &self,
        object_key: &str,
        expires_in: Seconds,
        now: Timestamp,
    ) -> Result<String, SignError> {
        presign("GET", &self.object(object_key), &self.region, self.credentials().await?, now, expires_in)
    }

    async fn credentials(&self) -> Result<Credentials, SignError> {
        if self.local {
            return Ok(local_credentials());
        }
        credentials(self.endpoint.as_deref()).provide_credentials().await.map_err(SignError::Credentials)
    }

    /// The URL of an object: with the bucket's own host name, or below the endpoint that is set.
    fn object(&self, object_key: &str) -> String {
        let Self { name, region, endpoint, .. } = self;
        let path = utf8_percent_encode(object_key, PATH);
        match endpoint {
            Some(endpoint) => format!("{}/{name}/{path}", endpoint.trim_end_matches('/')),
            None => format!("https://{name}.s3.{region}.amazonaws.com/{path}"),
        }
    }
}

/// A signed URL in S3 that is valid for one method, from a time on and for some seconds.
///
/// # Errors
/// If it can't be signed.
pub fn presign(
    method: &str,
    url: &str,
    region: &str,
    credentials: Credentials,
    from: Timestamp,
    seconds: Seconds,
) -> Result<String, SignError> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(seconds.into()));
    let signed = sign(method, url, SignableBody::UnsignedPayload, region, credentials, settings, from)?;
    let parameters = signed.params().iter();
    let query: Vec<_> =
        parameters.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY))).collect();
    Ok(format!("{url}?{}", query.join("&")))
}

fn sign(
    method: &str,
    url: &str,
    body: SignableBody<'_>,
    region: &str,
    credentials: Credentials,
    mut settings: SigningSettings,
    at: Timestamp,
) -> Result<SigningInstructions, SignError> {
    let identity = credentials.into();
    // S3 checks the signature of the path as it is sent (AWS Identity and Access Management, "Create a signed AWS API
    // request").
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(at.0))
        .settings(settings)
        .build()
        .map_err(unsignable)?
        .into();
    let request = SignableRequest::new(method, url, std::iter::empty(), body).map_err(unsignable)?;
    Ok(aws_sigv4::http_request::sign(request, &parameters).map_err(unsignable)?.into_parts().0)
}

fn endpoint(lookup: &impl Lookup) -> Option<String> {
    lookup.get(variable::ENDPOINT_URL_S3).or_else(|| lookup.get(variable::ENDPOINT_URL))
}

fn unsignable(error: impl std::error::Error + Send + Sync + 'static) -> SignError {
    SignError::Request(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)], named: Option<&str>) -> Result<Bucket, ConfigError> {
        let lookup = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Bucket::find(&lookup, "images".to_owned(), named.map(str::to_owned))
    }

    #[test]
    fn an_object_is_under_its_buckets_name_or_below_a_named_endpoint() {
        let region = (variable::REGION, "eu-west-1");
        let object = |bucket: Result<Bucket, _>| bucket.expect("a region").object("ax-2/2.5 +ä?.bin");
        let path = "ax-2/2.5%20%2B%C3%A4%3F.bin";
        assert_eq!(object(find(&[region], None)), format!("https://images.s3.eu-west-1.amazonaws.com/{path}"));
        let named = object(find(&[region, (variable::ENDPOINT_URL_S3, "http://elsewhere")], Some("http://127.0.0.1/")));
        assert_eq!(named, format!("http://127.0.0.1/images/{path}"));
        let all = (variable::ENDPOINT_URL, "http://all");
        let s3 = find(&[(variable::ENDPOINT_URL_S3, "http://s3"), all], None);
        assert_eq!(
            [object(s3), object(find(&[all], None))],
            ["s3", "all"].map(|host| format!("http://{host}/images/{path}"))
        );
        assert!(matches!(find(&[], None), Err(ConfigError::Missing(variable::REGION))));
    }
}
