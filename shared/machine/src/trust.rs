//! Whose firmware images a node takes.

use std::fmt;

use rollcall_wire::FirmwareUrl;

/// Whose firmware images a node takes. What says so needs cryptography, which is not linked here: `rollcall-node` implements
/// it with public keys.
pub trait Trust: fmt::Debug {
    /// Checks the signature of an image by its description, before a byte of it is downloaded. The image that is installed
    /// has the SHA-256 of this description.
    ///
    /// # Errors
    /// Why the image is not taken.
    fn check(&self, image: &FirmwareUrl) -> Result<(), Distrust>;
}

/// Why an image is not taken. Its text is the detail of the update that is reported as failed, which programs may compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// There is no signature, or what is there has not the form of one.
    #[error("no-signature")]
    NoSignature,
    /// No key that the node trusts has made the signature for this image as this version of this model.
    #[error("wrong-signature")]
    WrongSignature,
}
