//! The console's types for models: what holds for all firmware of one.

use serde::{Deserialize, Serialize};

use super::nodes::value_or_null;

/// What is to hold for all firmware of a model: the body of `PUT /v1/models/{model}`. It replaces what held before: what is
/// left out holds no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The oldest firmware version that the model's nodes may be given. Any, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_.-]{1,32}$"))]
    pub minimum_version: Option<String>,
    /// The vendor's public key for Ed25519, in base64, which verifies the signatures of the model's images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9+/]{43}=$"))]
    pub public_key: Option<String>,
    /// Whether an image is refused if the public key does not verify its signature. It needs a public key. Not, if it is
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, required = false))]
    pub signature_required: Option<bool>,
}

/// A change of what holds for all firmware of a model: the body of `PATCH /v1/models/{model}`, a JSON Merge Patch (RFC 7396).
/// A field that is left out stays, and one that is `null` holds no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelPatch {
    /// As in [`ModelSpec`].
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9:_.-]{1,32}$"))]
    pub minimum_version: Option<Option<String>>,
    /// As in [`ModelSpec`].
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required = false, pattern = "^[A-Za-z0-9+/]{43}=$"))]
    pub public_key: Option<Option<String>>,
    /// As in [`ModelSpec`].
    #[serde(default, deserialize_with = "value_or_null", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, required = false))]
    pub signature_required: Option<Option<bool>>,
}

/// What holds for all firmware of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelView {
    /// The model.
    pub model: String,
    /// The oldest firmware version that its nodes may be given; null for any.
    pub minimum_version: Option<String>,
    /// The public key that verifies the signatures of its images, in base64; null if there is none.
    pub public_key: Option<String>,
    /// Whether an image is refused if the public key does not verify its signature.
    pub signature_required: bool,
}

/// A page of models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelPage {
    /// The models for which something was ever set, by their names.
    pub models: Vec<ModelView>,
    /// The cursor of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
}
