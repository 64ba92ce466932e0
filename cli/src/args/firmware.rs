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
    /// Make a delta known, and upload it: a file of which nodes that have the image of another version make this one's. The
    /// image is still needed, and is known before
    Delta(AddDelta),
    /// Say which version nodes are to run; exits with 1 if it could not be said of one
    Want(WantFirmware),
    /// Show what is known of an image, and of the deltas that make it
    Show(Image),
    /// What holds for all firmware of a model: the oldest version that its nodes may be given, and whose signature its images
    /// must have
    #[command(subcommand)]
    Model(ModelCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Show what holds for a model
    Show(OneModel),
    /// Say anew what holds for a model: what is left out stays
    Set(SetModel),
    /// List the models for which something was ever set
    List(ListModels),
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneModel {
    /// The model
    pub(crate) model: Model,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListModels {
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetModel {
    /// The model
    pub(crate) model: Model,
    #[command(flatten)]
    pub(crate) rules: ModelRules,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What is said anew of a model: something.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ModelRules {
    /// The oldest version that its nodes may be given, in the order of selectors: 2.10 is above 2.9
    #[arg(long, value_name = "VERSION")]
    pub(crate) minimum: Option<FirmwareVersion>,
    /// Its nodes may be given any version
    #[arg(long, conflicts_with = "minimum")]
    pub(crate) no_minimum: bool,
    /// The vendor's public key for Ed25519: its base64, or a file with it, such as `openssl pkey -pubout` writes
    #[arg(long, value_name = "FILE|BASE64")]
    pub(crate) public_key: Option<String>,
    /// It has no public key any more; signatures can't be required then
    #[arg(long, conflicts_with = "public_key")]
    pub(crate) no_public_key: bool,
    /// Whether an image is refused if the public key does not verify its signature
    #[arg(long, value_name = "YES|NO")]
    pub(crate) require_signature: Option<YesOrNo>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum YesOrNo {
    Yes,
    No,
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
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddDelta {
    #[command(flatten)]
    pub(crate) image: Image,
    /// The version whose image it is applied to
    #[arg(long, value_name = "VERSION")]
    pub(crate) from: FirmwareVersion,
    /// The file with the delta, which must be smaller than the image
    pub(crate) file: PathBuf,
    /// The key of its object in the firmware bucket; or else MODEL/VERSION/from-VERSION/ and the file's name
    #[arg(long, value_name = "KEY")]
    pub(crate) object_key: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where a file is uploaded to.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
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
