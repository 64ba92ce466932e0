//! Configuration documents. A document is known by the hash of its bytes, so it is stored once and never changes.

use crate::attribute::Attribute as A;
use crate::clause::{Because, Clause};
use crate::guard::Guard;
use crate::item::{Item, Malformed, malformed, text};
use crate::key::Key;
use crate::update::{Change, Update};

/// The write that stores a document. `sha256` is the SHA-256 of the text, in hexadecimal. The write is refused if the
/// document is stored already. A document that was retired is stored again: then it is not deleted
/// ([`retire`](crate::retire)).
pub fn put_document(sha256: &str, text: &str) -> Update {
    Update {
        key: Key::Document(sha256.to_owned()),
        clauses: vec![Clause::new(
            Because::StoredAlready,
            Guard::Any(vec![Guard::Missing(A::DocumentText), Guard::Exists(A::RetiredAt)]),
        )],
        // A refusal tells all that there is to know: the document is stored.
        already_applied: Guard::NEVER,
        changes: vec![Change::Set(A::DocumentText, text.into()), Change::Remove(A::RetiredAt)],
    }
}

/// The text of a stored document.
///
/// # Errors
/// If the item has no text.
pub fn document_text(item: &Item) -> Result<&str, Malformed> {
    text(item, A::DocumentText)?.ok_or_else(|| malformed(A::DocumentText))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::Outcome;

    #[test]
    fn a_document_is_stored_once() {
        let put = put_document("ab12", "{}");
        let Outcome::Applied { after } = put.apply(None) else { panic!("refused") };
        assert_eq!(document_text(&after), Ok("{}"));
        assert_eq!(
            put.apply(Some(&after)),
            Outcome::Refused { stored: Some(after), because: Some(Because::StoredAlready) }
        );
    }

    #[test]
    fn an_item_without_a_text_is_no_document() {
        assert_eq!(document_text(&Item::new()), Err(malformed(A::DocumentText)));
    }
}
