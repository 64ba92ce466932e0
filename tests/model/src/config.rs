//! Configurations, as the node and the application know them.

/// A version of a configuration and its document: what a node is told, and what the application is told to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Config {
    pub(crate) version: u8,
    pub(crate) document: u8,
}

/// A set of configurations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Configs(u16);

impl Configs {
    const VERSIONS: u8 = 8;

    fn bit(config: Config) -> u16 {
        1_u16 << (config.version % Self::VERSIONS + config.document * Self::VERSIONS)
    }

    pub(crate) fn add(&mut self, config: Config) {
        self.0 |= Self::bit(config);
    }

    pub(crate) fn has(self, config: Config) -> bool {
        self.0 & Self::bit(config) != 0
    }

    pub(crate) fn all(self) -> impl Iterator<Item = Config> {
        let documents = 0..2;
        let all = documents.flat_map(|document| (0..Self::VERSIONS).map(move |version| Config { version, document }));
        all.filter(move |config| self.has(*config))
    }

    /// The highest version.
    pub(crate) fn latest(self) -> Option<Config> {
        self.all().max_by_key(|config| config.version)
    }
}
