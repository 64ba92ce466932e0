//! Templates, in the language Jinja.

use std::collections::BTreeSet;
use std::fmt;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

/// How much a template may do: about one unit for each of its steps. A mapping is no program.
const FUEL: u64 = 100_000;
/// The longest text that a template is, in bytes.
const SOURCE_BYTES: usize = 16 * 1024;
/// The longest text that a template makes, in bytes: an answer of Lambda has at most 6 MB (AWS Lambda quotas).
const MADE_BYTES: usize = 4 * 1024 * 1024;

/// A template that can be read.
pub(crate) struct Template {
    source: String,
    environment: Environment<'static>,
}

impl Template {
    /// Reads a template.
    pub(crate) fn read(source: &str) -> Result<Self, String> {
        if source.len() > SOURCE_BYTES {
            return Err(format!("has {} bytes; at most {SOURCE_BYTES} are allowed", source.len()));
        }
        let mut environment = Environment::new();
        // A name that is misspelt must not become nothing.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.template_from_str(source).map_err(|error| why(&error))?;
        Ok(Self { source: source.to_owned(), environment })
    }

    /// The names that the template does not make itself, such as `config.version`.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let template = self.environment.template_from_str(&self.source);
        template.map(|template| template.undeclared_variables(true).into_iter().collect()).unwrap_or_default()
    }

    /// What the template makes of this.
    pub(crate) fn make(&self, of: &impl Serialize) -> Result<String, String> {
        self.made(&self.environment, of)
    }

    /// What the template makes of a sample, which need not have everything: what it does not have is nothing.
    pub(crate) fn make_of_sample(&self, of: &impl Serialize) -> Result<String, String> {
        let mut lenient = self.environment.clone();
        lenient.set_undefined_behavior(UndefinedBehavior::Chainable);
        self.made(&lenient, of)
    }

    fn made(&self, environment: &Environment<'static>, of: &impl Serialize) -> Result<String, String> {
        let made = environment.render_str(&self.source, Serde(of)).map_err(|error| why(&error))?;
        if made.len() > MADE_BYTES {
            return Err(format!("makes {} bytes; at most {MADE_BYTES} are allowed", made.len()));
        }
        Ok(made)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source).finish()
    }
}

/// What is wrong with a template, in one line.
fn why(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    match error.detail() {
        Some(detail) => format!("{line}{}: {detail}", error.kind()),
        None => format!("{line}{}", error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Of {
        a: u32,
    }

    #[test]
    fn a_template_with_a_mistake_says_where_it_is() {
        let template = Template::read("{{ a }}-{% if a > 1 %}many{% endif %}").expect("a template");
        assert_eq!(template.make(&Of { a: 2 }).as_deref(), Ok("2-many"));
        assert_eq!(template.names().into_iter().collect::<Vec<_>>(), ["a"]);
        let nested = Template::read("{% set d = a.b %}{{ d.c }}{{ a.b.d }}").expect("a template");
        assert_eq!(nested.names().into_iter().collect::<Vec<_>>(), ["a.b", "a.b.d"]);
        assert_eq!(nested.make_of_sample(&Of { a: 2 }).as_deref(), Ok(""));
        let unread = Template::read("one\n{% if %}").expect_err("no template");
        assert!(unread.starts_with("line 2: syntax error"), "{unread}");
        let misspelt = Template::read("{{ b }}").expect("a template").make(&Of { a: 1 }).expect_err("there is no b");
        assert!(misspelt.contains("undefined"), "{misspelt}");
    }

    #[test]
    fn a_template_that_does_not_end_in_time_is_given_up() {
        let endless =
            Template::read("{% for i in range(9000) %}{% for j in range(9000) %}{{ i }}{% endfor %}{% endfor %}");
        assert!(endless.expect("a template").make(&Of { a: 1 }).is_err());
        assert!(Template::read(&" ".repeat(SOURCE_BYTES + 1)).is_err());
    }
}
