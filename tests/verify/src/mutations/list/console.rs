//! What the application asks for, and what it is told.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 16] = [
    Mutation {
        name: "outdated-not-dismissed",
        what: "A connection whose token becomes outdated is not closed.",
        file: "shared/service/src/console/nodes.rs",
        find: "self.dismiss_outdated(node, &stored, admitted.now).await;",
        with: r"if !BROKEN {
            self.dismiss_outdated(node, &stored, admitted.now).await;
        }",
    },
    Mutation {
        name: "site-not-set",
        what: "The registration of a node does not change its site.",
        file: "shared/service/src/console/nodes.rs",
        find: r#"site: amended(site, |site| field("site", &site))?,"#,
        with: r#"site: if BROKEN { Amended::Kept } else { amended(site, |site| field("site", &site))? },"#,
    },
    Mutation {
        name: "credentials-not-raised",
        what: "The credential version of a node is not raised.",
        file: "shared/service/src/console/nodes.rs",
        find: r"tags: amended(tags, self::tags)?,
        credentials: credential_version.map(CredentialVersion),",
        with: r"tags: amended(tags, self::tags)?,
        credentials: credential_version.filter(|_| !BROKEN).map(CredentialVersion),",
    },
    Mutation {
        name: "name-not-stored",
        what: "The name and the labels of a node are not stored.",
        file: "shared/service/src/console/about.rs",
        find: r"        if before == after {
            return Ok(Ok(()));",
        with: r"        if BROKEN || before == after {
            return Ok(Ok(()));",
    },
    Mutation {
        name: "first-not-listed",
        what: "The first node of a page is not listed.",
        file: "shared/service/src/console/list.rs",
        find: "let shown = nodes.iter().filter_map(|(id, node)| {",
        with: "let shown = nodes.iter().skip(usize::from(BROKEN)).filter_map(|(id, node)| {",
    },
    Mutation {
        name: "push-not-sent",
        what: "The application is told of a push that was not sent.",
        file: "shared/service/src/console/push.rs",
        find: "match self.connections.post(&held.connection.id, text(news)).await {",
        with: r"if BROKEN {
            return DeliveryState::Pushed;
        }
        match self.connections.post(&held.connection.id, text(news)).await {",
    },
    Mutation {
        name: "config-before-document",
        what: "A configuration is set before its document is stored.",
        file: "shared/service/src/console/configs.rs",
        find: r"        if predicted(&node, &item, &document, expected)?.changed {
            self.store_document(&document, admitted.now).await?;
        }
        let update = set_config(&node, document.sha256(), expected);
        let (set, stored) = self.set_and_push(&node, &document, update, admitted).await?;",
        with: r"        let changes = predicted(&node, &item, &document, expected)?.changed;
        if changes && !BROKEN {
            self.store_document(&document, admitted.now).await?;
        }
        let update = set_config(&node, document.sha256(), expected);
        let (set, stored) = self.set_and_push(&node, &document, update, admitted).await?;
        if changes && BROKEN {
            self.store_document(&document, admitted.now).await?;
        }",
    },
    Mutation {
        name: "condition-ignored",
        what: "The condition of a request that sets a configuration is ignored.",
        file: "shared/service/src/console/configs.rs",
        find: r#"let node: NodeId = parse(node, "node")?;
        let document = Document::parse(&admitted.body()?)?;"#,
        with: r#"let node: NodeId = parse(node, "node")?;
        let any = Expected::default();
        let expected = if BROKEN { &any } else { expected };
        let document = Document::parse(&admitted.body()?)?;"#,
    },
    Mutation {
        name: "first-of-site-left-out",
        what: "The first node of a site does not get the site's configuration.",
        file: "shared/service/src/console/configs.rs",
        find: "let nodes = nodes.iter().map(|(node, item)|",
        with: "let nodes = nodes.iter().skip(usize::from(BROKEN)).map(|(node, item)|",
    },
    Mutation {
        name: "other-version-answered",
        what: "The application is told another version than the one that is desired.",
        file: "shared/service/src/console/configs.rs",
        find: "Ok((ConfigSet { node: node.to_string(), version, sha256, delivery }, set.node))",
        with: "Ok((ConfigSet { node: node.to_string(), version: version + u64::from(BROKEN), sha256, delivery }, set.node))",
    },
    Mutation {
        name: "key-not-looked-up",
        what: "An idempotency key that was used is not looked up.",
        file: "shared/service/src/console/commands.rs",
        find: "if let Some(before) = self.queued_before(node, queueing).await? {",
        with: "if let Some(before) = self.queued_before(node, queueing).await?.filter(|_| !BROKEN) {",
    },
    Mutation {
        name: "key-reused",
        what: "An idempotency key that was used for another request is taken for this one's.",
        file: "shared/service/src/console/commands.rs",
        find: r#"let request = sha256(&format!("[\"{}\",{args},{}]", spec.name, spec.expires_in_s));"#,
        with: r#"let request = if BROKEN { "" } else { &format!("[\"{}\",{args},{}]", spec.name, spec.expires_in_s) };
    let request = sha256(request);"#,
    },
    Mutation {
        name: "cancelled-in-any-case",
        what: "The application is told that a command is cancelled, whether it is or not.",
        file: "shared/service/src/console/commands.rs",
        find: "CommandState::Ended(Ending::Cancelled) => Ok(HttpAnswer::status(204)),",
        with: r"CommandState::Ended(Ending::Cancelled) => Ok(HttpAnswer::status(204)),
            _ if BROKEN => Ok(HttpAnswer::status(204)),",
    },
    Mutation {
        name: "revoked-is-online",
        what: "A revoked node is shown as online.",
        file: "shared/service/src/console/view.rs",
        find: "let online = shown.state != PresenceState::Offline;",
        with: "let online = shown.state != PresenceState::Offline || (BROKEN && node.revoked);",
    },
    Mutation {
        name: "never-offline",
        what: "A node is shown as online, however long ago it was heard.",
        file: "shared/service/src/console/view.rs",
        find: "        online,\n        since_ms",
        with: "        online: online || (BROKEN && since.is_some()),\n        since_ms",
    },
    Mutation {
        name: "import-without-its-config",
        what: "An import says that it has set a configuration, and has not.",
        file: "shared/service/src/console/import.rs",
        find: r"            self.set_and_push(&desired.node, document, update, admitted).await?;
            import.wrote(outcome);",
        with: r"            if !BROKEN {
                self.set_and_push(&desired.node, document, update, admitted).await?;
                import.wrote(outcome);
            }",
    },
];
