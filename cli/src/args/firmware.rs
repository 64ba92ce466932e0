//! What can be asked of the console API about firmware.

use std::path::PathBuf;

use clap::Subcommand;
use rollcall_core::{FirmwareVersion, Model};

use super::console::Connection;
use super::http_url;
use super::target::{Many, Target};

#[derive(Debug, Subcommand)]
pub(crate) enum FirmwareCommand {
    /// Make an image known, and upload it: to the local cloud whose console is asked, or into the bucket that is named
    ///
    /// A `rollcall up` of yours on this machine writes where its S3 is into a file of the state folder
    /// (`$XDG_STATE_HOME/rollcall/clouds`, or else `~/.local/state/rollcall/clouds`). The file is named after the port
    /// of its console, and locked while it runs. If the console that is asked is at this port of this machine, the
    /// image is uploaded to that S3: neither --bucket nor credentials of AWS are needed. For any other console, name
    /// the bucket, or upload the image by other means.
    Add(AddFirmware),
    /// Say which version nodes are to run; exits with 1 if it could not be said of one
    Want(WantFirmware),
    /// Show what is known of an image
    Show(Image),
}

/// Which image, and of which console.
#[derive(Debug, clap::Args)]
pub(crate) struct Image {
    /// The model of the nodes that it is for
    pub(crate) model: Model,
    /// Its version
    pub(crate) version: FirmwareVersion,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddFirmware {
    #[command(flatten)]
    pub(crate) image: Image,
    /// The file with the image, of at most 5 GB
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) signature: Signature,
    /// The key of its object in the firmware bucket; or else MODEL/VERSION/ and the file's name
    #[arg(long, value_name = "KEY")]
    pub(crate) object_key: Option<String>,
    /// Upload it to this bucket first, with the credentials and the region of the environment; not needed for a
    /// `rollcall up` on this machine
    #[arg(long, value_name = "NAME", value_parser = bucket)]
    pub(crate) bucket: Option<String>,
    /// Where S3 is, if not at its own address; or else `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`
    #[arg(long, value_parser = http_url, value_name = "URL", requires = "bucket")]
    pub(crate) s3_endpoint_url: Option<String>,
}

/// The vendor's signature of an image, for the node to check.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Signature {
    /// The vendor's signature, for the node to check: visible ASCII, such as base64
    #[arg(id = "signature-text", long = "signature", value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// The file with it; - for standard input
    #[arg(id = "signature-file", long = "signature-file", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct WantFirmware {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The version, which must be known for the node's model
    pub(crate) version: FirmwareVersion,
    #[command(flatten)]
    pub(crate) many: Many,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What can be a bucket's name (Amazon S3, "General purpose bucket naming rules"), and so a part of a host's.
fn bucket(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    if (3..=63).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("it must be 3 to 63 lower-case letters, digits, dots and hyphens")
    }
}
