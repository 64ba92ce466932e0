//! Closed vocabularies: enums whose variants are words in JSON.

/// Declares an enum whose variants are words in JSON, in kebab case.
///
/// With the feature `openapi`, the description of its schema explains each word as the comment of the variant does. A
/// derived schema has only the words.
macro_rules! vocabulary {
    ($(#[doc = $about:literal])+ $vis:vis enum $name:ident { $($(#[doc = $meaning:literal])+ $word:ident,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        $vis enum $name {
            $($(#[doc = $meaning])+ $word,)+
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let words = [$(($name::$word, concat!($($meaning),+)),)+];
                crate::vocabulary::schema(concat!($($about),+), words)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

pub(crate) use vocabulary;

/// The schema of a vocabulary, from the comments on its enum and on each variant.
#[cfg(feature = "openapi")]
pub(crate) fn schema<T: serde::Serialize, const N: usize>(
    about: &str,
    words: [(T, &str); N],
) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    use utoipa::openapi::schema::{ObjectBuilder, Type};

    let (mut values, mut meanings) = (vec![], vec![]);
    for (word, meaning) in words {
        let value = serde_json::to_value(word).unwrap_or_default();
        // The text of a comment begins with a space.
        meanings.push(format!("\n* `{}`:{meaning}", value.as_str().unwrap_or_default()));
        values.push(value);
    }
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("{}\n{}", about.trim_start(), meanings.concat())))
        .enum_values(Some(values))
        .into()
}

#[cfg(test)]
mod tests {
    vocabulary! {
        /// How a traveller
        /// gets along.
        enum Travel {
            /// The traveller walks.
            OnFoot,
            /// The traveller rides: a horse,
            /// or a bicycle.
            Riding,
        }
    }

    #[test]
    fn a_word_is_in_kebab_case() {
        for (word, text) in [(Travel::OnFoot, "\"on-foot\""), (Travel::Riding, "\"riding\"")] {
            assert_eq!(serde_json::to_string(&word).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<Travel>(text).expect("a word"), word);
        }
    }

    #[test]
    #[cfg(feature = "openapi")]
    fn the_schema_explains_each_word_with_the_comment_of_its_variant() {
        use utoipa::PartialSchema as _;

        let schema = serde_json::to_value(Travel::schema()).expect("JSON");
        let description = "How a traveller gets along.\n\n* `on-foot`: The traveller walks.\n\
                           * `riding`: The traveller rides: a horse, or a bicycle.";
        let expected = serde_json::json!({
            "type": "string", "enum": ["on-foot", "riding"], "description": description
        });
        assert_eq!(schema, expected);
    }
}
