//! Whose firmware images a node takes: those that the vendor's keys have signed for its model.

use rollcall_machine::{Distrust, Trust};
use rollcall_signature::{PublicKey, Unproven, statement};
use rollcall_wire::FirmwareUrl;

/// The vendor's public keys, with which a device is built, and the model that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareKeys {
    /// The device's model, as the console knows it.
    pub model: String,
    /// An image is taken if one of these verifies its signature: the key of today, and the next one. If there is none, no
    /// image is taken.
    pub keys: Vec<PublicKey>,
}

impl Trust for FirmwareKeys {
    fn check(&self, image: &FirmwareUrl) -> Result<(), Distrust> {
        let signed = statement(&self.model, &image.version, &image.sha256);
        let mut why = Distrust::WrongSignature;
        for key in &self.keys {
            match key.verify(&signed, &image.signature) {
                Ok(()) => return Ok(()),
                Err(Unproven::Form) => why = Distrust::NoSignature,
                Err(Unproven::Wrong) => {}
            }
        }
        Err(why)
    }
}
