//! The operations on rollouts.

use super::{Problems, RolloutList, RolloutNodePage, RolloutNodeState, RolloutSpec, RolloutView};

operations! {
    /// A page of rollouts, by their names.
    #[utoipa::path(get, path = "/v1/rollouts", operation_id = "listRollouts", tag = "rollouts", params(
        ("limit" = Option<u32>, Query, description = "How many rollouts to read", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
    ), responses(
        (status = 200, description = "A page", body = RolloutList),
        Problems,
    ))]
    rollouts;

    /// Makes a rollout. It begins by itself.
    ///
    /// A rollout never changes: whoever sends the same again is told how it is, and another one needs another name.
    #[utoipa::path(put, path = "/v1/rollouts/{name}", operation_id = "putRollout", tag = "rollouts", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,48}$"),
    ), request_body = RolloutSpec, responses(
        (status = 200, description = "The rollout was made before", body = RolloutView),
        (status = 201, description = "The rollout is made", body = RolloutView,
            headers(("Location" = String, description = "The path of the rollout"))),
        Problems,
    ))]
    put_rollout;

    /// How a rollout is, and why.
    #[utoipa::path(get, path = "/v1/rollouts/{name}", operation_id = "getRollout", tag = "rollouts", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,48}$"),
    ), responses(
        (status = 200, description = "The rollout", body = RolloutView),
        Problems,
    ))]
    rollout;

    /// Tells nobody until the rollout is resumed.
    #[utoipa::path(post, path = "/v1/rollouts/{name}/pause", operation_id = "pauseRollout", tag = "rollouts", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,48}$"),
    ), responses(
        (status = 200, description = "The rollout", body = RolloutView),
        Problems,
    ))]
    pause;

    /// Goes on with a rollout that is paused. A wave that was inconclusive counts as successful, unless it fails.
    #[utoipa::path(post, path = "/v1/rollouts/{name}/resume", operation_id = "resumeRollout", tag = "rollouts", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,48}$"),
    ), responses(
        (status = 200, description = "The rollout", body = RolloutView),
        Problems,
    ))]
    resume;

    /// Ends a rollout: nobody is told any more, and the nodes that were told keep the change.
    #[utoipa::path(post, path = "/v1/rollouts/{name}/abort", operation_id = "abortRollout", tag = "rollouts", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,48}$"),
    ), responses(
        (status = 200, description = "The rollout", body = RolloutView),
        Problems,
    ))]
    abort;

    /// Gives the nodes that were told back what they had before.
    #[utoipa::path(post, path = "/v1/rollouts/{name}/roll-back", operation_id = "rollBackRollout", tag = "rollouts", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,48}$"),
    ), responses(
        (status = 200, description = "The rollout", body = RolloutView),
        Problems,
    ))]
    roll_back;

    /// Lets the next wave begin, if the rollout's gate wants an approval.
    #[utoipa::path(post, path = "/v1/rollouts/{name}/approve", operation_id = "approveRollout", tag = "rollouts", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,48}$"),
    ), responses(
        (status = 200, description = "The rollout", body = RolloutView),
        Problems,
    ))]
    approve;

    /// A page of the nodes of a rollout, in the order in which they are told.
    ///
    /// With a state, a page may be shorter than the limit, and even be empty, although it has a cursor.
    #[utoipa::path(get, path = "/v1/rollouts/{name}/nodes", operation_id = "listRolloutNodes", tag = "rollouts", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,48}$"),
        ("state" = Option<RolloutNodeState>, Query, description = "Only nodes in this state"),
        ("limit" = Option<u32>, Query, description = "How many nodes to read", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
    ), responses(
        (status = 200, description = "A page", body = RolloutNodePage),
        Problems,
    ))]
    rollout_nodes;
}
