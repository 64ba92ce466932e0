//! `rollcall firmware`.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use http::Method;
use rollcall_aws::{Environment, Lookup as _, variable};
use rollcall_core::{FirmwareVersion, Selector};
use rollcall_wire::console::{
    DeliveryState, FirmwareProgress, FirmwareSet, FirmwareSpec, FirmwareView, FirmwareWish, ProblemCode,
};
use serde::Serialize;

use super::bulk::{self, ALREADY_INSTALLED, BELOW_MINIMUM, Deed, NO_ARTIFACT, OTHER_MODEL, REVOKED, Reason, UNCHANGED};
use super::client::{Ask, Client};
use super::configs::delivery;
use super::deltas;
use super::input;
use super::models;
use super::select::{Selected, selected};
use super::table::pairs;
use super::upload::{S3, sha256};
use crate::args::{AddFirmware, FirmwareCommand, Image, Place, WantFirmware};
use crate::files::{self, Text};
use crate::out::{print, print_json, say};
use crate::problem::Problem;

/// An image, and what is known of it.
#[derive(Debug, Serialize)]
struct Known<'a> {
    model: &'a str,
    version: &'a str,
    #[serde(flatten)]
    image: FirmwareView,
}

/// Does what is asked about firmware.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn firmware(command: &FirmwareCommand) -> Result<(), Problem> {
    match command {
        FirmwareCommand::Add(args) => add(args).await,
        FirmwareCommand::Delta(args) => deltas::add(args).await,
        FirmwareCommand::Want(args) => want(args).await,
        FirmwareCommand::Show(args) => show(args).await,
        FirmwareCommand::Model(command) => models::model(command).await,
    }
}

async fn add(args: &AddFirmware) -> Result<(), Problem> {
    let AddFirmware { image, file, .. } = args;
    let client = Client::open(&image.connection.address).await?;
    let s3 = destination(&args.place, &client)?;
    let spec = describe(args).await?;
    models::refuse_unproven(&client, image, &spec).await?;
    match &s3 {
        Some(s3) => {
            refuse_another(&client, image, &spec).await?;
            s3.upload(file, (&spec.object_key, spec.size, &spec.sha256)).await?;
        }
        None => say(&not_uploaded("image", &spec.object_key)),
    }
    let body = serde_json::to_vec(&spec).map_err(|error| Problem::plain(&error))?;
    let FirmwareSpec { object_key, size, sha256, signature } =
        client.ask(Ask::new(Method::PUT, path(image)).with_body(body)).await?;
    // What was just made known has no deltas yet; of what was known before, `show` shows them.
    print_known(image, FirmwareView { object_key, size, sha256, signature, deltas: vec![] })
}

/// What is said if a file is not uploaded.
pub(super) fn not_uploaded(what: &str, object_key: &str) -> String {
    format!(
        "nothing is uploaded without --bucket, because this is not the console of a `rollcall up` of yours on this \
         machine: nodes find the {what} once it is in the firmware bucket as {object_key}"
    )
}

/// Where a file is uploaded to: into the bucket that is named, or else into that of the local cloud whose console is
/// asked. To name the local cloud's own bucket is the same as to name none, unless an S3 is named as well.
pub(super) fn destination(place: &Place, client: &Client) -> Result<Option<S3>, Problem> {
    let Place { bucket, s3_endpoint_url } = place;
    let in_environment = || [variable::ENDPOINT_URL_S3, variable::ENDPOINT_URL].map(|name| Environment.get(name));
    let is_named = || s3_endpoint_url.is_some() || in_environment().iter().any(Option::is_some);
    match (bucket, client.local()) {
        (None, Some(local)) => Ok(Some(S3::of(local))),
        (Some(bucket), Some(local)) if *bucket == local.bucket && !is_named() => Ok(Some(S3::of(local))),
        (Some(bucket), _) => S3::find(bucket, s3_endpoint_url.clone()).map(Some),
        (None, None) => Ok(None),
    }
}

/// What is to be known of an image. What is wrong with it is said before the file is read, which may take a while.
async fn describe(args: &AddFirmware) -> Result<FirmwareSpec, Problem> {
    let file = input::name(&args.file);
    let found = std::fs::metadata(&args.file);
    let found = found.map_err(|error| Problem::new(format!("{file} can't be opened: {error}")))?;
    let spec = FirmwareSpec {
        object_key: args.object_key.clone().unwrap_or_else(|| object_key(&args.image, &args.file)),
        size: found.len(),
        sha256: "0".repeat(64),
        signature: signature(args)?,
    };
    spec.check()
        .map_err(|error| Problem::new(format!("{file} can't be added: {error} (--object-key, --signature)")))?;
    Ok(FirmwareSpec { sha256: sha256(&args.file).await?, ..spec })
}

fn object_key(image: &Image, file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    format!("{}/{}/{name}", image.model.as_str(), image.version.as_str())
}

fn signature(args: &AddFirmware) -> Result<String, Problem> {
    const WHAT: &str = "a signature, in base64 say,";
    match (&args.signature.text, &args.signature.file) {
        (Some(text), _) => Text::new("--signature", text).unbroken(WHAT),
        (None, Some(file)) => files::read(file, WHAT)?.unbroken(WHAT),
        (None, None) => Err(Problem::new("give --signature or --signature-file")),
    }
}

/// Asked before anything is uploaded: the object of another image may be the one that is written over.
async fn refuse_another(client: &Client, image: &Image, spec: &FirmwareSpec) -> Result<(), Problem> {
    let known = client.find(Ask::new(Method::GET, path(image)), ProblemCode::UnknownFirmware).await?;
    let is_this = |known: &FirmwareView| {
        (&known.object_key, known.size, &known.sha256, &known.signature)
            == (&spec.object_key, spec.size, &spec.sha256, &spec.signature)
    };
    if known.is_none_or(|known| is_this(&known)) {
        return Ok(());
    }
    let (model, version) = (image.model.as_str(), image.version.as_str());
    Err(Problem::new(format!(
        "another image is known as {version} of {model} (`rollcall firmware show {model} {version}` shows it): a version \
         never changes, so give this one a new one; nothing was uploaded"
    )))
}

async fn want(args: &WantFirmware) -> Result<(), Problem> {
    let wish = FirmwareWish { version: args.version.as_str().to_owned() };
    let body = serde_json::to_vec(&wish).map_err(|error| Problem::plain(&error))?;
    let client = Client::open(&args.connection.address).await?;
    let Some(node) = &args.target.node else {
        let Some(selector) = &args.target.select else { return Ok(()) };
        return want_of_selected(&client, args, selector, body.into()).await;
    };
    let set: FirmwareSet = client.ask(Ask::node(Method::PUT, node, "/firmware").with_body(body)).await?;
    if args.connection.json {
        return print_json(&set);
    }
    let delivery = delivery(set.delivery, "the node runs it already");
    print(&pairs(&[("node", set.node), ("version", set.version), ("delivery", delivery)]))
}

async fn want_of_selected(
    client: &Client,
    args: &WantFirmware,
    selector: &Selector,
    body: Bytes,
) -> Result<(), Problem> {
    let fields = "revoked,model,firmware,desired_firmware,firmware_update";
    let nodes = selected(client, selector, fields).await.map_err(Problem::into_trouble)?;
    let version = args.version.as_str();
    // Why nodes of each model can't be told to run this version.
    let mut models: BTreeMap<String, Option<Reason>> = BTreeMap::new();
    for model in nodes.iter().filter_map(|node| node.model.as_ref()) {
        if !models.contains_key(model) {
            let why_not = why_no_node_of(client, model, &args.version).await.map_err(Problem::into_trouble)?;
            models.insert(model.clone(), why_not);
        }
    }
    let deed = Deed {
        does: format!("set the firmware to {version} of"),
        method: Method::PUT,
        below: "/firmware".to_owned(),
        body,
        key: None,
        only_at: None,
        foresee: Box::new(|node| needs_nothing(node, version, &models)),
        judge: |answer| {
            let set = serde_json::from_slice::<FirmwareSet>(answer).ok()?;
            (set.delivery == DeliveryState::Unchanged).then_some(ALREADY_INSTALLED)
        },
    };
    bulk::run(client, nodes, &deed, args.many, &args.connection).await
}

/// Why no node of a model can be told to run a version.
async fn why_no_node_of(client: &Client, model: &str, version: &FirmwareVersion) -> Result<Option<Reason>, Problem> {
    let ask = Ask::new(Method::GET, format!("/v1/firmware/{model}/{}", version.as_str()));
    if client.find::<FirmwareView>(ask, ProblemCode::UnknownFirmware).await?.is_none() {
        return Ok(Some(NO_ARTIFACT));
    }
    Ok((!models::settings(client, model).await?.admits(version)).then_some(BELOW_MINIMUM))
}

/// Why a node need not be told to run a version.
fn needs_nothing(node: &Selected, version: &str, models: &BTreeMap<String, Option<Reason>>) -> Option<Reason> {
    let why_not = node.model.as_ref().map(|model| models.get(model).copied().flatten());
    match (why_not, node.desired_firmware.as_deref() == Some(version)) {
        _ if node.revoked => Some(REVOKED),
        (None, _) => Some(OTHER_MODEL),
        (Some(Some(reason)), _) => Some(reason),
        (Some(None), true) if node.firmware.as_deref() == Some(version) => Some(ALREADY_INSTALLED),
        // Set once more, a node tries again what it has given up.
        (Some(None), true) => {
            let is_given_up =
                matches!(node.firmware_update, Some(FirmwareProgress::Failed | FirmwareProgress::RolledBack));
            (!is_given_up).then_some(UNCHANGED)
        }
        (Some(None), false) => None,
    }
}

async fn show(args: &Image) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    print_known(args, client.ask(Ask::new(Method::GET, path(args))).await?)
}

pub(super) fn path(image: &Image) -> String {
    format!("/v1/firmware/{}/{}", image.model.as_str(), image.version.as_str())
}

fn print_known(of: &Image, image: FirmwareView) -> Result<(), Problem> {
    let (model, version) = (of.model.as_str(), of.version.as_str());
    if of.connection.json {
        return print_json(&Known { model, version, image });
    }
    let mut shown = vec![
        ("model", model.to_owned()),
        ("version", version.to_owned()),
        ("object key", image.object_key),
        ("size", format!("{} bytes", image.size)),
        ("sha256", image.sha256),
        ("signature", image.signature),
    ];
    let deltas = image.deltas.iter().map(|delta| {
        let share = deltas::share(delta.size, image.size);
        ("delta", format!("from {}: {} bytes, {share}", delta.from, delta.size))
    });
    shown.extend(deltas);
    print(&pairs(&shown))
}
