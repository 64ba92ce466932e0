//! Authentication of requests.

use crate::http::Request;
use data_encoding::HEXLOWER_PERMISSIVE;
use rollcall_core::Actor;
use rollcall_wire::console::{Problem, ProblemCode};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// The realm that a challenge names.
const REALM: &str = "realm=\"rollcall\"";
/// What is said of a key that is none of those that are known.
const NOT_VALID: &str = "the key is not valid";

/// What a request needs its key for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scope {
    Read,
    Write,
}

/// The keys that requests are checked with. Keys are random, so that a plain hash of one tells nothing. Several keys
/// are valid at once, so that they can be rotated.
pub enum Keys {
    /// The hashes of the keys. The keys themselves are not known.
    Hashed(Vec<HashedKey>),
    /// Every request that API Gateway's IAM authorizer has accepted. IAM policies say what its sender may do: each
    /// route is a method and a path in the ARN of `execute-api:Invoke` ("Control access for invoking an API").
    Iam,
}

/// A key of which only the hash is known.
#[derive(Clone, Debug)]
pub struct HashedKey {
    scope: Scope,
    /// Who uses it: the name that it was given, or else the beginning of its hash.
    actor: Actor,
    hash: [u8; 32],
}

impl Keys {
    /// Reads `read:` or `write:`, a name and `:` if the key has one, and a SHA-256 in hexadecimal, for each key, with
    /// spaces between them; `None` if the text is anything else.
    pub fn hashed(text: &str) -> Option<Self> {
        let keys: Option<Vec<_>> = text.split_whitespace().map(parse).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self::Hashed)
    }

    /// Checks whether the sender of a request may do this, and says who it is.
    pub(crate) fn admit(&self, request: &Request, scope: Scope) -> Result<Actor, Problem> {
        let keys = match self {
            Self::Hashed(keys) => keys,
            Self::Iam => return checked_by_iam(request),
        };
        let hash = Sha256::digest(request.bearer().unwrap_or_default());
        // Every key is compared, whether one has matched or not.
        let (mut reads, mut writes) = (Choice::from(0), Choice::from(0));
        let mut actor = None;
        for key in keys {
            let same = key.hash.ct_eq(&*hash);
            match key.scope {
                Scope::Read => reads |= same,
                Scope::Write => writes |= same,
            }
            // Only the holder of the key can learn something from the time that this takes.
            if same.into() {
                actor = Some(&key.actor);
            }
        }
        match (bool::from(writes), bool::from(reads), scope) {
            (true, _, _) | (false, true, Scope::Read) => Ok(actor.cloned().unwrap_or_else(|| Actor::named(""))),
            (false, true, Scope::Write) => {
                Err(Problem::new(ProblemCode::Forbidden, "this key may only read: writing needs a write key"))
            }
            (false, false, _) if has_no_key(request) => {
                Err(Problem::new(ProblemCode::Unauthenticated, "an authorization header with a bearer key is required"))
            }
            (false, false, _) => Err(Problem::new(ProblemCode::Unauthenticated, NOT_VALID)),
        }
    }

    /// The challenge for a request that is not authenticated (RFC 9110, section 11.6.1; RFC 6750, section 3).
    pub(crate) fn challenge(&self, request: &Request) -> String {
        match self {
            Self::Iam => format!("AWS4-HMAC-SHA256 {REALM}"),
            // A request without a key gets no error: it has sent nothing wrong.
            Self::Hashed(_) if has_no_key(request) => format!("Bearer {REALM}"),
            Self::Hashed(_) => format!("Bearer {REALM}, error=\"invalid_token\", error_description=\"{NOT_VALID}\""),
        }
    }

    /// The challenge for a read key that is used for writing (RFC 6750, section 3.1).
    pub(crate) fn insufficient_scope() -> String {
        format!("Bearer {REALM}, error=\"insufficient_scope\", scope=\"write\"")
    }

    /// Whether a parameter of the query is part of a signature, which API Gateway has checked (AWS Signature Version
    /// 4).
    pub(crate) fn is_signature(&self, parameter: &str) -> bool {
        matches!(self, Self::Iam) && parameter.starts_with("X-Amz-")
    }

    /// The secret that cursors are signed with. Every instance knows it, and nobody without the hashes of the keys
    /// does. With IAM there are no keys, and everybody who is let in could make a cursor, which shows no more than the
    /// list holds anyway.
    pub(crate) fn secret(&self) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix("rollcall cursor");
        if let Self::Hashed(keys) = self {
            for key in keys {
                digest.update(key.hash);
            }
        }
        digest.finalize().into()
    }
}

/// Whether a request has no key at all, or an empty one.
fn has_no_key(request: &Request) -> bool {
    request.bearer().is_none_or(str::is_empty)
}

/// Behind a route without an IAM authorizer, no request has been checked. Such a console must not be open to everybody.
fn checked_by_iam(request: &Request) -> Result<Actor, Problem> {
    if let Some(arn) = request.iam_user.as_deref().filter(|arn| !arn.is_empty()) {
        return Ok(Actor::named(arn));
    }
    Err(Problem::new(ProblemCode::Unauthenticated, "a request signed with IAM credentials is required"))
}

fn parse(key: &str) -> Option<HashedKey> {
    let (scope, rest) = match key.split_once(':')? {
        ("read", rest) => (Scope::Read, rest),
        ("write", rest) => (Scope::Write, rest),
        _ => return None,
    };
    let (name, hex) = rest.split_once(':').map_or((None, rest), |(name, hex)| (Some(name), hex));
    let hash = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()?;
    let actor = match name {
        Some(name) if !is_a_name(name) => return None,
        Some(name) => Actor::named(name),
        None => Actor::named(&format!("key-{}", hex.get(..8)?.to_ascii_lowercase())),
    };
    Some(HashedKey { scope, actor, hash })
}

/// Whether a key may have this name: 1 to 24 ASCII letters, digits, `.`, `_` and `-`.
fn is_a_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=24).contains(&name.len()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn keys(text: &str) -> Keys {
        Keys::hashed(text).unwrap_or_else(|| panic!("{text:?} is refused"))
    }

    fn hash(key: &str) -> String {
        HEXLOWER.encode(&Sha256::digest(key))
    }

    fn request(authorization: Option<&str>) -> Request {
        let mut request = Request::default();
        if let Some(authorization) = authorization {
            request.headers.insert("authorization", authorization.parse().expect("a header"));
        }
        request
    }

    fn with_key(key: Option<&str>) -> Request {
        request(key.map(|key| format!("Bearer {key}")).as_deref())
    }

    #[test]
    fn a_read_key_reads_a_write_key_does_both_and_others_do_nothing() {
        let keys = keys(&format!("read:{} write:{} write:{}", hash("r"), hash("w"), hash("w2")));
        let status = |key, scope| keys.admit(&with_key(key), scope).map(|_| ()).map_err(|problem| problem.status);
        assert_eq!([status(Some("r"), Scope::Read), status(Some("r"), Scope::Write)], [Ok(()), Err(403)]);
        for key in ["w", "w2"] {
            assert_eq!([status(Some(key), Scope::Read), status(Some(key), Scope::Write)], [Ok(()), Ok(())]);
        }
        for key in [None, Some(""), Some("x"), Some(&*hash("w"))] {
            assert_eq!([status(key, Scope::Read), status(key, Scope::Write)], [Err(401), Err(401)], "{key:?}");
        }
    }

    #[test]
    fn a_refused_request_is_told_how_to_authenticate_and_what_was_wrong() {
        let keys = keys(&format!("read:{}", hash("r")));
        let nothing = "Bearer realm=\"rollcall\"";
        for silent in [None, Some("Basic dTpw"), Some("Bearer"), Some("Bearer ")] {
            assert_eq!(keys.challenge(&request(silent)), nothing, "{silent:?}");
        }
        let detail = |key| keys.admit(&with_key(key), Scope::Read).map(|_| ()).map_err(|problem| problem.detail);
        assert_eq!(detail(Some("x")), Err(NOT_VALID.to_owned()));
        assert_ne!(detail(None), detail(Some("x")));
        assert!(keys.challenge(&with_key(Some("x"))).starts_with(&format!("{nothing}, error=\"invalid_token\"")));
        assert_eq!(Keys::Iam.challenge(&request(None)), "AWS4-HMAC-SHA256 realm=\"rollcall\"");
        for (header, status) in [
            ("bearer r", Ok(())),
            ("BEARER  r", Ok(())),
            ("Bearer r, Bearer r", Err(401)),
            ("Bearer r r", Err(401)),
            ("Basic r", Err(401)),
            ("r", Err(401)),
        ] {
            let admitted =
                keys.admit(&request(Some(header)), Scope::Read).map(|_| ()).map_err(|problem| problem.status);
            assert_eq!(admitted, status, "{header}");
        }
    }

    #[test]
    fn with_iam_whoever_was_checked_is_let_in_and_nobody_else() {
        let status = |iam_user: Option<&str>| {
            let request = Request { iam_user: iam_user.map(str::to_owned), ..with_key(Some("a key")) };
            [Scope::Read, Scope::Write]
                .map(|scope| Keys::Iam.admit(&request, scope).map(|_| ()).map_err(|problem| problem.status))
        };
        assert_eq!(status(Some("arn:aws:iam::123456789012:user/monolith")), [Ok(()), Ok(())]);
        assert_eq!([status(None), status(Some(""))], [[Err(401), Err(401)]; 2]);
    }

    #[test]
    fn text_that_is_no_list_of_keys_is_refused() {
        let signed = format!("write:{}", "+f".repeat(32));
        for text in ["", "write:", "admin:00", "write:zz", &format!("write:{}0", hash("w")), "secret", &signed] {
            assert!(Keys::hashed(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_request_is_its_key_s_or_its_identity_s() {
        let unnamed = hash("w");
        let keys = keys(&format!("read:page:{} write:monolith:{} write:{unnamed}", hash("r"), hash("m")));
        let actor = |key| keys.admit(&with_key(Some(key)), Scope::Read).map(|actor| actor.name().to_owned());
        assert_eq!(actor("r"), Ok("page".to_owned()));
        assert_eq!(actor("m"), Ok("monolith".to_owned()));
        assert_eq!(actor("w"), Ok(format!("key-{}", &unnamed[..8])));
        let arn = "arn:aws:iam::123456789012:user/monolith";
        let request = Request { iam_user: Some(arn.to_owned()), ..Request::default() };
        assert_eq!(Keys::Iam.admit(&request, Scope::Write).map(|actor| actor.name().to_owned()), Ok(arn.to_owned()));
        for name in ["", "a b", "ü", &"n".repeat(25), "a:b"] {
            assert!(Keys::hashed(&format!("write:{name}:{}", hash("w"))).is_none(), "{name:?}");
        }
    }
}
