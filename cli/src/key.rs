//! This machine's development key: made at first use, kept from others, good for nothing but this machine.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use rollcall_token::Signer;
use sha2::{Digest as _, Sha256};

use crate::files;
use crate::problem::Problem;
use crate::state;

/// The key's name in tokens.
const KID: &str = "development";
/// What HS256 needs, in bytes (RFC 7518, section 3.2).
const BYTES: usize = 32;

/// The signer of the development key.
///
/// # Errors
/// If its file can't be read or made.
pub(crate) fn development() -> Result<Signer, Problem> {
    Ok(Signer::hs256(KID, &secret()?))
}

/// The key for the console of a cloud on this machine: made from the development key, so that it needs no file.
///
/// # Errors
/// If the development key's file can't be read or made.
pub(crate) fn console() -> Result<String, Problem> {
    let digest = Sha256::new_with_prefix("rollcall console").chain_update(secret()?).finalize();
    Ok(URL_SAFE_NO_PAD.encode(digest))
}

/// What a console that takes this key is told.
pub(crate) fn console_keys(key: &str) -> String {
    format!("write:{}", HEXLOWER.encode(&Sha256::digest(key)))
}

/// What `infra/deploy --keys` takes, for a stack whose nodes and console use this machine's keys.
///
/// # Errors
/// If the development key's file can't be read or made.
pub(crate) fn deployed() -> Result<String, Problem> {
    let jwks = development()?.jwks().map_err(|error| Problem::plain(&error))?;
    let token_keys: serde_json::Value = serde_json::from_str(&jwks).map_err(|error| Problem::plain(&error))?;
    let console_keys = [console_keys(&console()?)];
    Ok(serde_json::json!({ "token_keys": token_keys, "console_keys": console_keys }).to_string())
}

fn secret() -> Result<Vec<u8>, Problem> {
    let path = path()?;
    match fs::metadata(&path) {
        Ok(_) => kept(&path),
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path),
        Err(error) => Err(unusable(&path, &error)),
    }
}

/// The key in a file.
fn kept(path: &Path) -> Result<Vec<u8>, Problem> {
    let text = files::read_secret(path, "the development key")?;
    let secret = files::base64(text.as_str()).filter(|secret| secret.len() == BYTES);
    secret.ok_or_else(|| {
        Problem::new(format!("{} is not a development key; delete it, and a new one is made", path.display()))
    })
}

fn path() -> Result<PathBuf, Problem> {
    Ok(state::folder()?.join("development.key"))
}

/// Of two commands that make it at once, the first wins and the other reads its key.
fn make(path: &Path) -> Result<Vec<u8>, Problem> {
    let mut secret = vec![0; BYTES];
    getrandom::fill(&mut secret).map_err(|error| Problem::new(format!("the system gives no randomness: {error}")))?;
    let write = || {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder)?;
        let draft = folder.join(format!("development.key.{}", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(URL_SAFE_NO_PAD.encode(&secret).as_bytes())?;
        file.sync_all()?;
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft)?;
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    };
    let is_made = write().map_err(|error| unusable(path, &error))?;
    if is_made { Ok(secret) } else { kept(path) }
}

fn unusable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(format!("the development key {} can't be used ({error}); check its folder's rights", path.display()))
}
