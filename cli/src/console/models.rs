//! `rollcall firmware model`.

use http::Method;
use rollcall_core::{FirmwareVersion, Model, ModelSettings};
use rollcall_signature::{InvalidKey, PublicKey, statement};
use rollcall_wire::console::{FirmwareSpec, ModelPage, ModelPatch, ModelView, ProblemCode};

use super::client::{Ask, Client};
use super::nodes::NOTHING;
use super::table::{Columns, pairs};
use crate::args::{Image, ListModels, ModelCommand, ModelRules, OneModel, SetModel, YesOrNo};
use crate::files;
use crate::out::{print, print_json};
use crate::problem::Problem;

/// How many characters a cell has at most on a terminal: a public key fits.
const CELL: usize = 44;

/// Does what is asked about models.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(super) async fn model(command: &ModelCommand) -> Result<(), Problem> {
    match command {
        ModelCommand::Show(args) => show(args).await,
        ModelCommand::Set(args) => set(args).await,
        ModelCommand::List(args) => list(args).await,
    }
}

async fn show(args: &OneModel) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let view: ModelView = client.ask(Ask::new(Method::GET, path(&args.model))).await?;
    if args.connection.json { print_json(&view) } else { print(&described(view)) }
}

/// What is left out stays.
async fn set(args: &SetModel) -> Result<(), Problem> {
    let ModelRules { minimum, no_minimum, public_key, no_public_key, require_signature } = &args.rules;
    let public_key = public_key.as_deref().map(|given| files::public_key("--public-key", given)).transpose()?;
    let minimum = minimum.as_ref().map(|minimum| minimum.as_str().to_owned());
    let patch = ModelPatch {
        minimum_version: minimum.map(Some).or(no_minimum.then_some(None)),
        public_key: public_key.map(|key| Some(key.to_string())).or(no_public_key.then_some(None)),
        signature_required: require_signature.map(|it| Some(it == YesOrNo::Yes)),
    };
    let client = Client::open(&args.connection.address).await?;
    if patch.signature_required == Some(Some(true)) && !verifies(&client, args, &patch).await? {
        return Err(Problem::new(format!(
            "{} has no public key that would verify signatures: give one with --public-key, or say --require-signature no",
            args.model.as_str()
        )));
    }
    let body = serde_json::to_vec(&patch).map_err(|error| Problem::plain(&error))?;
    let view: ModelView = client.ask(Ask::new(Method::PATCH, path(&args.model)).with_body(body)).await?;
    if args.connection.json { print_json(&view) } else { print(&described(view)) }
}

/// Whether the model has a public key once it is changed.
async fn verifies(client: &Client, args: &SetModel, patch: &ModelPatch) -> Result<bool, Problem> {
    if let Some(key) = &patch.public_key {
        return Ok(key.is_some());
    }
    let holds: ModelView = client.ask(Ask::new(Method::GET, path(&args.model))).await?;
    Ok(holds.public_key.is_some())
}

async fn list(args: &ListModels) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let (mut models, mut cursor) = (vec![], String::new());
    loop {
        let page: ModelPage = client.ask(Ask::new(Method::GET, format!("/v1/models?limit=100{cursor}"))).await?;
        models.extend(page.models);
        let Some(next) = page.cursor else { break };
        cursor = format!("&cursor={next}");
    }
    if args.connection.json {
        return print_json(&models);
    }
    if models.is_empty() {
        return print(
            "nothing is set for any model: `rollcall firmware model set MODEL --minimum VERSION` sets something\n",
        );
    }
    let mut columns = Columns::of_cells(CELL, ["MODEL", "MINIMUM", "SIGNATURES", "PUBLIC KEY"]);
    let row = |view: ModelView| {
        let signatures = signatures(&view).to_owned();
        [view.model, or_nothing(view.minimum_version), signatures, or_nothing(view.public_key)]
    };
    print(&columns.rows(models.into_iter().map(row)))
}

/// What holds for a model, as far as a console knows of such settings: an older one has none.
pub(super) async fn settings(client: &Client, model: &str) -> Result<ModelSettings, Problem> {
    let ask = Ask::new(Method::GET, format!("/v1/models/{model}"));
    let Some(view) = client.find::<ModelView>(ask, ProblemCode::NoRoute).await? else {
        return Ok(ModelSettings::default());
    };
    let minimum = view.minimum_version.as_deref().map(str::parse::<FirmwareVersion>).transpose();
    Ok(ModelSettings {
        minimum: minimum.map_err(|error| Problem::plain(&error))?,
        public_key: view.public_key,
        signature_required: view.signature_required,
    })
}

/// Says, before anything is uploaded, that the console will refuse an image because of its signature.
pub(super) async fn refuse_unproven(client: &Client, image: &Image, spec: &FirmwareSpec) -> Result<(), Problem> {
    let (model, version) = (image.model.as_str(), image.version.as_str());
    let settings = settings(client, model).await?;
    let Some(key) = settings.public_key.filter(|_| settings.signature_required) else { return Ok(()) };
    let key: PublicKey = key.parse().map_err(|error: InvalidKey| Problem::plain(&error))?;
    key.verify(&statement(model, version, &spec.sha256), &spec.signature).map_err(|why| {
        Problem::refused(
            ProblemCode::UnprovenSignature,
            format!(
                "{model} wants signed images (`rollcall firmware model show {model}`), and {why}: sign what \
                 docs/application.md says under \"Signatures\"; nothing was uploaded"
            ),
        )
    })
}

fn path(model: &Model) -> String {
    format!("/v1/models/{}", model.as_str())
}

fn described(view: ModelView) -> String {
    let signatures = signatures(&view).to_owned();
    pairs(&[
        ("model", view.model),
        ("minimum", or_nothing(view.minimum_version)),
        ("signatures", signatures),
        ("public key", or_nothing(view.public_key)),
    ])
}

fn signatures(view: &ModelView) -> &'static str {
    if view.signature_required { "required" } else { "not required" }
}

fn or_nothing(text: Option<String>) -> String {
    text.unwrap_or_else(|| NOTHING.to_owned())
}
