//! The names of stored attributes: the one place that spells them.

macro_rules! attributes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// An attribute of an item. A node's own item has all attributes but those that say what they are of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Attribute {
            $($(#[$doc])* $variant,)*
        }

        impl Attribute {
            /// Every attribute.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The attribute's name in the table. It is short, because names count towards an item's size.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

attributes! {
    /// The id of the connection that holds the node. It stays after the connection has closed.
    Connection = "c",
    /// When that connection opened.
    OpenedAt = "o",
    /// When that connection closed; absent while it is open.
    ClosedAt = "x",
    /// The close code (RFC 6455, section 7.4), if there was one.
    CloseCode = "xc",
    /// The reason of the close, if there was one.
    CloseReason = "xr",
    /// The credential version of the connection's token.
    ConnectionCredentials = "cc",
    /// The running instance of the node's program that opened the connection: a hash of the name that it gave.
    Instance = "i",
    /// The id of the connection that held the node before; the same as [`Attribute::Connection`] if there was none.
    Previous = "pc",
    /// When the previous connection opened; 0 if there was none.
    PreviousOpenedAt = "po",
    /// When the previous connection closed; 0 if it was still open when it was replaced.
    PreviousClosedAt = "px",
    /// The instance that opened the previous connection; 0 if it gave no name.
    PreviousInstance = "pi",
    /// How many times another instance took the node over from an open connection, with less than an hour from one to
    /// the next.
    Takeovers = "tk",
    /// When the last such takeover happened.
    TakenOverAt = "ta",
    /// How many messages the node has sent in the current minute of its budget.
    Spent = "bn",
    /// When that minute began.
    SpentSince = "bs",
    /// Until when the node must send nothing, because it was over its budget.
    BlockedUntil = "bu",
    /// How often the node was over its budget, with at most a day from the end of one block to the next offence.
    Offences = "bo",
    /// Since when the node is online; absent while it is offline.
    OnlineSince = "on",
    /// Since when the node is offline; absent while it is online.
    OfflineSince = "off",
    /// When the grace period of a suspected node ends; absent if the node is not suspected.
    Due = "due",
    /// The node's shard in [`INDEX_DUE`](crate::INDEX_DUE); present only together with [`Attribute::Due`].
    DueShard = "ds",
    /// Present if the last write may announce something: who made it, or an empty text if it was the node or the sweep.
    /// The stream's filter lets such writes through, and no others.
    Announces = "m",
    /// When the token of the connection that holds the node expires, in seconds since 1970.
    TokenEnds = "te",
    /// When the node last checked in.
    Seen = "s",
    /// The sequence number of this connection's last check-in.
    Seq = "q",
    /// Present while the node checks in by polling.
    Polls = "p",
    /// The firmware version that the node reported.
    Firmware = "f",
    /// The configuration version that the node's last report was about.
    ConfigVersion = "gv",
    /// What the node did with that version.
    ConfigState = "gs",
    /// What replaced a substituted configuration, or why a configuration was rejected.
    ConfigDetail = "gd",
    /// The instance that made that report; 0 if it gave no name.
    ConfigInstance = "gi",
    /// The last configuration version that the node reported as applied or substituted: what it runs.
    AppliedVersion = "av",
    /// Reported time since boot, in seconds.
    Uptime = "hu",
    /// Reported load, in percent.
    Load = "hl",
    /// Reported free memory, in KiB.
    MemoryFree = "hm",
    /// Reported number of clients.
    Clients = "hc",
    /// The lowest credential version that is accepted. A node is registered if it has this attribute.
    CredentialVersion = "cv",
    /// Present while the node's credentials are revoked.
    Revoked = "rv",
    /// The node's site.
    Site = "site",
    /// The node's model.
    Model = "md",
    /// The node's tags, separated by commas.
    Tags = "tg",
    /// The version of the desired configuration. It starts at 1, and every change adds 1. It stays when no configuration
    /// is desired any more, so that no version is used twice.
    DesiredVersion = "wv",
    /// The SHA-256 of that configuration's document, in hexadecimal; absent if no configuration is desired.
    DesiredHash = "wh",
    /// Present if that configuration was set for the node's site; absent if it was set for the node alone.
    SiteConfig = "ws",
    /// How many commands were ever queued for the node. It is the number of the last one.
    CommandsQueued = "kq",
    /// All commands up to this number are over; absent if none is known to be. Commands with higher numbers may still
    /// be open.
    CommandsOver = "ko",
    /// The desired firmware version.
    DesiredFirmware = "wf",
    /// The firmware version that the node's last update report was about.
    UpdateVersion = "uv",
    /// How far the node got with that version.
    UpdateState = "us",
    /// What went wrong with that update.
    UpdateDetail = "ud",
    /// Of a command: its name, which says what to do.
    CommandName = "cn",
    /// Of a command: its arguments, as JSON.
    CommandArgs = "ca",
    /// Of a command: when it was queued.
    QueuedAt = "qt",
    /// Of a command: until when the node may begin it.
    ExpiresAt = "et",
    /// Of a command: when it was first handed out.
    SentAt = "st",
    /// Of a command: when it ended.
    EndedAt = "dt",
    /// Of a command: how it ended.
    Ending = "de",
    /// Of a command: the output that the node reported.
    Output = "out",
    /// Of an idempotency key: the number of the command that was queued with it.
    CommandNumber = "k",
    /// Of an idempotency key: the SHA-256 of the request that used it.
    RequestHash = "rh",
    /// When DynamoDB may delete the item, in seconds since 1970 (Amazon DynamoDB, "Time to Live").
    ForgetAt = "ttl",
    /// Of a document: its text.
    DocumentText = "d",
    /// Of a document, or of the note that it may be unused: when it was retired, because no node was known to use it.
    RetiredAt = "rt",
    /// Of the note that a document may be unused: when a node last ceased to have it as its desired configuration.
    UnusedSince = "ui",
    /// Of a firmware image: the key of its object in the bucket.
    ObjectKey = "ok",
    /// Of a firmware image: its size, in bytes.
    ImageSize = "sz",
    /// Of a firmware image: its SHA-256, in hexadecimal.
    ImageHash = "h",
    /// Of a firmware image: the vendor's signature of it.
    Signature = "sg",
    /// Of an actor: the name.
    ActorName = "an",
    /// Of an event, or of its place in the log: the event's id.
    EventId = "ei",
    /// Of an event's place among its node's: the shard of the log.
    LogShard = "lg",
    /// Of an event's place among its node's: the number in the log. Of the head of a shard: the last number.
    LogNumber = "en",
    /// Of an event's place among its node's: when it happened.
    HappenedAt = "em",
    /// Of an event: its text, as JSON.
    EventText = "ev",
    /// Of the sweep: when the last check-in or connect of a node was stored, as far as the sweep saw.
    LastHeard = "lh",
    /// Of the sweep: when it last ran.
    SweptAt = "sa",
    /// Of the sweep: until when no node is called offline, because nothing was stored for a while.
    HoldUntil = "hd",
    /// Of the sweep: when the slow scan that is under way began.
    ScanBegan = "sb",
    /// Of the sweep: the segment that the slow scan goes on with.
    ScanSegment = "ss",
    /// Of the sweep: the node in that segment behind which the slow scan goes on; absent at the segment's start.
    ScanAfter = "sf",
    /// Of the sweep: the retired documents that the slow scan has not found in use so far.
    Retired = "rd",
    /// Of an endpoint: the URL that events are sent to. An endpoint that was removed has none.
    EndpointUrl = "eu",
    /// Of an endpoint: the types of events that it is sent, separated by commas; absent if it is sent all.
    EventTypes = "ey",
    /// Of an endpoint: the site whose events it is sent; absent if it is sent those of all sites.
    EventSite = "es",
    /// Of an endpoint: the selector of the nodes whose events it is sent; absent if it is sent those of all nodes.
    EventSelect = "esl",
    /// Of an endpoint: the secret that its events are signed with.
    EndpointSecret = "ek",
    /// Of an endpoint: the secret before that.
    SecretBefore = "eo",
    /// Of an endpoint: until when events are signed with the secret before, too.
    SecretBeforeUntil = "ex",
    /// Of an endpoint: when it was made.
    CreatedAt = "ec",
    /// Of an endpoint: when it was disabled; absent while it is enabled.
    DisabledAt = "ed",
    /// Of an endpoint: why it was disabled.
    DisabledBecause = "ew",
    /// Of an endpoint: since when nothing but failures is known of it; absent if its last delivery succeeded.
    FailingSince = "ef",
    /// Of an endpoint: when a failure was last noted, to about an hour.
    FailedAt = "el",
    /// Of a delivery: which time the event is delivered: 0 at first, or when the replay began.
    DeliveryRun = "lr",
    /// Of a delivery: how often it was tried in this run.
    Tries = "ln",
    /// Of a delivery: how far it is.
    DeliveryState = "ls",
    /// Of a delivery: when it was last tried.
    TriedAt = "la",
    /// Of a delivery: when it is tried next.
    NextTryAt = "lx",
    /// Of a delivery: the HTTP status of the last answer.
    AnswerStatus = "lc",
    /// Of a delivery: the first bytes of the last answer's body.
    AnswerExcerpt = "lb",
    /// Of a delivery: why there was no answer to the last try.
    DeliveryError = "le",
    /// Of a delivery, or of an event's place among its node's: the type of the event.
    EventType = "lt",
    /// Of a delivery: the subject of the event.
    EventSubject = "lj",
    /// Of what people call a node: the name.
    NodeName = "nn",
    /// Of what people call a node: the labels, a line for each.
    Labels = "nl",
    /// Of a cut-over: the mapping of the legacy endpoint, as JSON.
    CutoverMapping = "om",
    /// Of a cut-over: the modes of nodes, a line for each rule.
    CutoverModes = "oo",
    /// Of what is kept of a node that polls a legacy endpoint: a hash of the credential that the endpoint accepted.
    LegacyCredential = "oc",
    /// How many polls the legacy endpoint answered while Rollcall observed.
    PollsObserved = "pa",
    /// How many polls the legacy endpoint answered as Rollcall would have.
    PollsSame = "pb",
    /// How many polls the legacy endpoint answered otherwise than Rollcall would have.
    PollsDifferent = "pd",
    /// How many polls Rollcall answered.
    PollsServed = "pe",
    /// How many polls Rollcall was to answer, and the legacy endpoint did.
    PollsFellBack = "pf",
    /// How many polls the legacy endpoint was to answer, and Rollcall did.
    PollsRescued = "pr",
    /// When the last poll came.
    PolledAt = "pt",
    /// How the last answers differed that did, as JSON.
    LegacyDifference = "od",
    /// When they did.
    DifferedAt = "oa",
    /// Of a history: the version in slot 0.
    Version0 = "v0",
    /// Of a history: that version's document, and how it was set.
    Hash0 = "h0",
    /// Of a history: the version in slot 1.
    Version1 = "v1",
    /// Of a history: that version's document, and how it was set.
    Hash1 = "h1",
    /// Of a history: the version in slot 2.
    Version2 = "v2",
    /// Of a history: that version's document, and how it was set.
    Hash2 = "h2",
    /// Of a history: the version in slot 3.
    Version3 = "v3",
    /// Of a history: that version's document, and how it was set.
    Hash3 = "h3",
    /// Of a history: the version in slot 4.
    Version4 = "v4",
    /// Of a history: that version's document, and how it was set.
    Hash4 = "h4",
    /// Of a history: the version in slot 5.
    Version5 = "v5",
    /// Of a history: that version's document, and how it was set.
    Hash5 = "h5",
    /// Of a history: the version in slot 6.
    Version6 = "v6",
    /// Of a history: that version's document, and how it was set.
    Hash6 = "h6",
    /// Of a history: the version in slot 7.
    Version7 = "v7",
    /// Of a history: that version's document, and how it was set.
    Hash7 = "h7",
    /// Of a history: the version in slot 8.
    Version8 = "v8",
    /// Of a history: that version's document, and how it was set.
    Hash8 = "h8",
    /// Of a history: the version in slot 9.
    Version9 = "v9",
    /// Of a history: that version's document, and how it was set.
    Hash9 = "h9",
    /// Of a history: the version in slot 10.
    Version10 = "v10",
    /// Of a history: that version's document, and how it was set.
    Hash10 = "h10",
    /// Of a history: the version in slot 11.
    Version11 = "v11",
    /// Of a history: that version's document, and how it was set.
    Hash11 = "h11",
    /// Of a history: the version in slot 12.
    Version12 = "v12",
    /// Of a history: that version's document, and how it was set.
    Hash12 = "h12",
    /// Of a history: the version in slot 13.
    Version13 = "v13",
    /// Of a history: that version's document, and how it was set.
    Hash13 = "h13",
    /// Of a history: the version in slot 14.
    Version14 = "v14",
    /// Of a history: that version's document, and how it was set.
    Hash14 = "h14",
    /// Of a history: the version in slot 15.
    Version15 = "v15",
    /// Of a history: that version's document, and how it was set.
    Hash15 = "h15",
    /// Of a history: the version in slot 16.
    Version16 = "v16",
    /// Of a history: that version's document, and how it was set.
    Hash16 = "h16",
    /// Of a history: the version in slot 17.
    Version17 = "v17",
    /// Of a history: that version's document, and how it was set.
    Hash17 = "h17",
    /// Of a history: the version in slot 18.
    Version18 = "v18",
    /// Of a history: that version's document, and how it was set.
    Hash18 = "h18",
    /// Of a history: the version in slot 19.
    Version19 = "v19",
    /// Of a history: that version's document, and how it was set.
    Hash19 = "h19",
    /// Of a history: the version that ran when its own slot was taken by a newer one.
    RunningVersion = "vr",
    /// Of a history: that version's document, and how it was set.
    RunningHash = "hr",
    /// Of a rollout: what it changes.
    ChangeKind = "ra",
    /// Of a rollout: what it was told when it was made, as JSON.
    RolloutSpec = "rb",
    /// Of a rollout: how many waves it has.
    WaveCount = "yj",
    /// Of a rollout: its priority.
    Priority = "rc",
    /// Of a rollout, of the mark that it is under way, or of what a node is counted as: how often it was stored.
    Revision = "re",
    /// Of a rollout: how it is.
    RolloutState = "rf",
    /// Of a rollout: what a stepper does next.
    RolloutPhase = "rg",
    /// Of a rollout: why it is so.
    RolloutReason = "ri",
    /// Of a rollout: the wave that is told, or is told next.
    Wave = "rj",
    /// Of a rollout: how many nodes were listed.
    TargetsListed = "rk",
    /// Of a rollout: how many of them were told or skipped.
    TargetsPassed = "rl",
    /// Of a rollout: the place of the last of these.
    PassedTo = "rm",
    /// Of a rollout: the place behind which the wave begins.
    WaveAfter = "rn",
    /// Of a rollout: when the wave began.
    WaveBeganAt = "ro",
    /// Of a rollout: when the last node was told. Of a target: when it was told.
    ToldAt = "rp",
    /// Of a rollout: the node behind which listing goes on.
    ListedTo = "rq",
    /// Of a rollout: how many nodes were listed so far.
    TargetsFound = "rr",
    /// Of a rollout: the place behind which the look at the wave goes on.
    LookedTo = "rs",
    /// Of a rollout: what this look has seen so far.
    WaveFacts = "ru",
    /// Of a rollout: what the last whole look has seen.
    WaveCounts = "rw",
    /// Of a rollout: what was seen of the waves before.
    CountsBefore = "rx",
    /// Of a rollout: how many waves may begin.
    WavesApproved = "ry",
    /// Of a rollout: how many waves count as successful although their gate is inconclusive.
    WavesWaived = "rz",
    /// Of a target: how far the rollout is with it.
    TargetState = "ya",
    /// Of a target: the node's site.
    TargetSite = "yb",
    /// Of a target: the wave in which it was told.
    TargetWave = "yc",
    /// Of a target: the version of the configuration, or the number of the command, that it was told.
    ToldVersion = "yd",
    /// Of a target: what was desired before it was told.
    DesiredBefore = "ye",
    /// Of a target: present if the node was heard of when it was told, or since.
    Reached = "yf",
    /// Of a target: why it is in its state.
    TargetReason = "yg",
    /// Of a target: how often it was told.
    Attempts = "yk",
    /// Of a target that has failed: when it is told again.
    RetryAt = "yl",
    /// Of a rollout: how often nodes were told again.
    RolloutRetries = "ym",
    /// Of a rollout that is over: the place up to which its targets have a time at which they are deleted.
    ForgottenTo = "yn",
    /// Of a claim: the rollout that may change the node.
    ClaimedBy = "yh",
    /// Of a claim: when that rollout began to tell the node.
    ClaimToldAt = "yi",
    /// Of what a node is counted as: its value of each property, a line for each; absent if the node is not counted.
    CountedAs = "ct",
    /// Of a count: how many nodes were ever counted.
    Entered = "ce",
    /// Of a count: how many of them are counted no more.
    Left = "cl",
    /// Of a model: the oldest firmware version that its nodes may be given.
    MinimumVersion = "zm",
    /// Of a model: the key that the signatures of its images are verified with, in base64.
    PublicKey = "zk",
    /// Of a model: present if an image without a signature that this key verifies is refused.
    SignatureRequired = "zr",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::key::{PARTITION_KEY, SORT_KEY};

    #[test]
    fn no_two_attributes_share_a_name() {
        let names: BTreeSet<_> = Attribute::ALL.iter().map(|attribute| attribute.name()).collect();
        assert_eq!(names.len(), Attribute::ALL.len());
        assert!(!names.contains(PARTITION_KEY) && !names.contains(SORT_KEY));
    }
}
