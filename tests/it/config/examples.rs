//! Every file in `config/` loads, and so does what `rosterd init` writes.

use std::path::{Path, PathBuf};

use rosterd::config::{Answers, Config, Environment, Mistakes, SourceTemplate, load, template};
use rosterd::source::Kind;

use super::{Folder, mistakes_in};

/// The files in `config/`.
pub(super) fn files() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Loads a text in a folder that has every file and secret that the examples name.
fn load_complete(text: &str) -> Result<Config, Mistakes> {
    let mut folder = Folder::new();
    for (name, secret) in [
        ("hyperproof-secret", "s3cret"),
        (
            "audit-key",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----",
        ),
        ("status-token", "t0ken"),
        ("webhook-url", "https://hooks.example/rosterd"),
        ("mail-password", "s3cret"),
        ("ad-password", "s3cret"),
        ("ldap-password", "s3cret"),
    ] {
        folder.write(&format!("credentials/{name}"), secret);
    }
    for name in ["corp-ca.pem", "client.pem", "client.key"] {
        folder.write(name, "pem");
    }
    folder.write("aliases.csv", "from,to\n");
    let credentials = folder.path("credentials").display().to_string();
    folder.environment =
        Environment::of([("CREDENTIALS_DIRECTORY", credentials.as_str()), ("HYPERPROOF_CLIENT_SECRET", "s3cret")]);
    folder.load(text)
}

#[test]
fn every_example_loads_without_a_warning() {
    let files = files();
    assert!(files.len() >= 7, "{files:?}");
    for (path, text) in files {
        match load_complete(&text) {
            Ok(config) => assert_eq!(config.warnings, [], "{}", path.display()),
            Err(mistakes) => panic!("{}: {mistakes}", path.display()),
        }
    }
}

#[test]
fn the_configuration_of_the_demo_loads_where_it_is() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/rosterd.toml");
    let config = load(&file, &Environment::of([("ROSTERD_DEMO_SECRET", "s3cret")])).unwrap();
    assert_eq!(config.warnings, []);
    assert!(!config.policy.identity.aliases.is_empty());
}

fn full_example() -> String {
    let (_, text) = files().into_iter().find(|(path, _)| path.ends_with("rosterd.example.toml")).unwrap();
    text
}

#[test]
fn the_ldap_keys_in_the_example_are_known() {
    let text = full_example();
    let (before, ldap) = text.split_once("# [[source]]\n").unwrap();
    let (ldap, after) = ldap.split_once("\n\n").unwrap();
    let ldap: String = ldap.lines().map(|line| format!("{}\n", line.strip_prefix("# ").unwrap())).collect();
    let text = format!("{before}[[source]]\n{ldap}\n{after}");
    let config = load_complete(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(matches!(config.sources.last().map(|source| &source.kind), Some(Kind::Ldap(_))));
}

#[test]
fn what_init_writes_loads() {
    let folder = Folder::new();
    let file = folder.write("rosterd.toml", template(SourceTemplate::Csv, &Answers::default()));
    let environment = Environment::of([("HYPERPROOF_CLIENT_SECRET", "s3cret")]);
    let config = load(&file, &environment).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.target.client_id, "YOUR-CLIENT-ID");
    assert!(config.schedule.is_some());
}

#[test]
fn what_init_writes_for_a_directory_server_loads() {
    let folder = Folder::new();
    let file = folder.write("rosterd.toml", template(SourceTemplate::Ldap, &Answers::default()));
    let environment = Environment::of([("HYPERPROOF_CLIENT_SECRET", "s3cret"), ("ROSTERD_BIND_PASSWORD", "s3cret")]);
    let config = load(&file, &environment).unwrap();
    assert_eq!(config.warnings, []);
    assert!(matches!(config.sources.first().map(|source| &source.kind), Some(Kind::Ldap(_))));
}

#[test]
fn answers_may_hold_anything() {
    let answers = Answers {
        region: "eu".into(),
        token_url: Some("https://token.example/oauth".into()),
        client_id: "quote \" and \\ back".into(),
        secret_variable: "SECRET".into(),
        state_path: "state/ü.db".into(),
        csv_path: "C:\\people 'x'.csv".into(),
        group: "multi\nline".into(),
        to: "Tab\there #1".into(),
        ..Answers::default()
    };
    let config = Folder::new().load(template(SourceTemplate::Csv, &answers)).unwrap();
    assert_eq!(config.target.client_id, answers.client_id);
    assert_eq!(config.target.token_url, "https://token.example/oauth");
    let mapping = config.policy.mappings.first().unwrap();
    assert_eq!((mapping.from.as_str(), mapping.to.as_str()), (answers.group.as_str(), answers.to.as_str()));
    let Kind::Csv(settings) = &config.sources.first().unwrap().kind else { panic!("another kind") };
    assert!(settings.path.ends_with(&answers.csv_path));
}

#[test]
fn a_region_without_a_token_address_is_the_only_mistake() {
    let answers = Answers { region: "gov".into(), secret_variable: "SECRET".into(), ..Answers::default() };
    let mistakes = mistakes_in(Folder::new().load(template(SourceTemplate::Csv, &answers)));
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes.concat().contains("hyperproof.token_url: is missing"));
    let ldap = template(SourceTemplate::Ldap, &Answers { secret_variable: "SECRET".into(), ..Answers::default() });
    let mut folder = Folder::new();
    folder.environment = Environment::of([("SECRET", "s3cret"), ("ROSTERD_BIND_PASSWORD", "s3cret")]);
    let config = folder.load(ldap).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(matches!(config.sources.first().map(|source| &source.kind), Some(Kind::Ldap(_))));
}
