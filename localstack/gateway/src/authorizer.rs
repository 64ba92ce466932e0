//! A Lambda authorizer's answer: whether a connection is allowed, and the identity that events show.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::assumed::{self, ContextValue};

/// The decision of an authorizer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Allowed, with `principalId` and the context as later events show them.
    Allowed(BTreeMap<String, String>),
    /// Denied, or not allowed by any statement.
    Denied,
    /// The answer is not valid.
    Invalid,
}

/// Reads the answer `output` to a question about `method_arn`.
pub(crate) fn judge(output: &[u8], method_arn: &str) -> Verdict {
    let Ok(answer) = serde_json::from_slice::<Answer>(output) else {
        return Verdict::Invalid;
    };
    let mut authorizer = BTreeMap::new();
    for (key, value) in answer.context.unwrap_or_default() {
        match assumed::context_value(value) {
            ContextValue::Text(text) => {
                authorizer.insert(key, text);
            }
            ContextValue::LeftOut => {}
            ContextValue::Invalid => return Verdict::Invalid,
        }
    }
    authorizer.insert("principalId".to_owned(), answer.principal_id);

    let statements = answer.policy_document.statement.into_vec();
    let matching = || statements.iter().filter(|statement| statement.covers(method_arn));
    if matching().any(|statement| statement.effect == Effect::Deny) {
        Verdict::Denied
    } else if matching().any(|statement| statement.effect == Effect::Allow) {
        Verdict::Allowed(authorizer)
    } else {
        Verdict::Denied
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    principal_id: String,
    policy_document: Policy,
    context: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Policy {
    #[serde(rename = "Statement")]
    statement: OneOrMany<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "Action")]
    action: OneOrMany<String>,
    #[serde(rename = "Effect")]
    effect: Effect,
    #[serde(rename = "Resource")]
    resource: OneOrMany<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

impl Statement {
    fn covers(&self, method_arn: &str) -> bool {
        let invokes =
            self.action.as_slice().iter().any(|action| matches(&action.to_ascii_lowercase(), "execute-api:invoke"));
        invokes && self.resource.as_slice().iter().any(|resource| matches(resource, method_arn))
    }
}

/// IAM's wildcards: `*` is any run of characters, slashes and colons included; `?` is any one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                // The last star matches one more character.
                let Some((after_star, matched)) = retry else {
                    return false;
                };
                retry = Some((after_star, matched + 1));
                p = after_star;
                t = matched + 1;
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/$connect";

    #[test]
    fn a_star_in_a_resource_stands_for_any_run_of_characters() {
        for pattern in [ARN, "*", "arn:aws:execute-api:*:abcdef123/*", "arn:*/test/$connect", "arn*$connec?"] {
            assert!(matches(pattern, ARN), "{pattern}");
        }
        for pattern in ["", "arn:*/prod/*", "arn:*/test/$connect?", "*x", &ARN[..20]] {
            assert!(!matches(pattern, ARN), "{pattern}");
        }
    }

    #[test]
    fn only_a_statement_that_covers_the_method_allows_and_deny_wins() {
        let allow = r#"{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"*"}"#;
        let elsewhere =
            r#"{"Action":"execute-api:Invoke","Effect":"Allow","Resource":["arn:aws:execute-api:*/prod/*"]}"#;
        let other_action = r#"{"Action":["s3:GetObject"],"Effect":"Allow","Resource":"*"}"#;
        let deny = r#"{"Action":"*","Effect":"Deny","Resource":"arn:*"}"#;
        let judge = |statements: &str| {
            judge(format!(r#"{{"principalId":"n","policyDocument":{{"Statement":{statements}}}}}"#).as_bytes(), ARN)
        };
        assert!(matches!(judge(allow), Verdict::Allowed(_)));
        assert!(matches!(judge(&format!("[{elsewhere},{allow}]")), Verdict::Allowed(_)));
        for denied in [
            format!("[{allow},{deny}]"),
            format!("[{deny},{allow}]"),
            elsewhere.into(),
            other_action.into(),
            "[]".into(),
        ] {
            assert_eq!(judge(&denied), Verdict::Denied, "{denied}");
        }
        assert_eq!(judge(r#"[{"Effect":"Perhaps"}]"#), Verdict::Invalid);
    }

    #[test]
    fn context_values_become_strings_and_nested_ones_make_the_answer_invalid() {
        let judge = |context: &str| {
            judge(
            format!(r#"{{"principalId":"n1","context":{context},"policyDocument":{{"Statement":[{{"Action":"*","Effect":"Allow","Resource":"*"}}]}}}}"#).as_bytes(), ARN,
        )
        };
        let Verdict::Allowed(authorizer) = judge(r#"{"a":1,"b":true,"c":"x","d":1.5,"e":null}"#) else {
            unreachable!("the policy allows everything");
        };
        let expected = [("a", "1"), ("b", "true"), ("c", "x"), ("d", "1.5"), ("principalId", "n1")];
        assert_eq!(authorizer, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(judge(r#"{"a":{"b":1}}"#), Verdict::Invalid);
        assert_eq!(judge(r#"{"a":[1]}"#), Verdict::Invalid);
    }
}
