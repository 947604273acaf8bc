//! Secrets: where they come from, and that no mistake shows one.

use rosterd::config::{Config, Environment, SourceTemplate, load_without_secrets, template};

use super::{BASE, Folder, base_with, mistakes_in};

const MARKER: &str = "hunter2-marker";

fn with_secret(folder: &Folder, secret: &str) -> Result<Config, rosterd::config::Mistakes> {
    folder.load(base_with("{ env = \"SECRET\" }", secret))
}

fn read(folder: &Folder, secret: &str) -> String {
    let config = with_secret(folder, secret).unwrap();
    config.target.client_secret.expose().to_owned()
}

#[test]
fn a_secret_comes_from_the_environment_a_file_or_a_credential() {
    let mut folder = Folder::new();
    assert_eq!(read(&folder, "{ env = \"SECRET\" }"), "s3cret-value");
    folder.write("sub/secret.txt", " two\nlines \r\n\n");
    assert_eq!(read(&folder, "{ file = \"sub/secret.txt\" }"), " two\nlines ", "only line ends behind it go");
    let absolute = folder.path("sub/secret.txt");
    assert_eq!(read(&folder, &format!("{{ file = \"{}\" }}", absolute.display())), " two\nlines ");
    folder.write_with_mode("credentials/hyperproof", "from systemd\n", 0o440);
    let credentials = folder.path("credentials").display().to_string();
    folder.environment = Environment::of([("CREDENTIALS_DIRECTORY", credentials)]);
    assert_eq!(read(&folder, "{ credential = \"hyperproof\" }"), "from systemd");
}

#[test]
fn who_asks_nobody_needs_no_secret() {
    let mut folder = Folder::new();
    folder.environment = Environment::of([("NONE", "")]);
    let secrets = "[audit]\nsigning_key = { credential = \"key\" }\n\n\
                   [[notify]]\nkind = \"slack\"\nurl = { file = \"hook\" }\n";
    let text = format!("{}\n{secrets}", base_with("{ env = \"SECRET\" }", "{ env = \"GONE\" }"));
    assert_eq!(mistakes_in(folder.load(&text)).len(), 3);
    let file = folder.path("rosterd.toml");
    let config = load_without_secrets(&file, &folder.environment).unwrap();
    assert_eq!(config.target.client_secret.expose(), "");
    assert_eq!(config.notices.len(), 1);
    // A secret that is written out is a mistake all the same.
    folder.write("rosterd.toml", base_with("{ env = \"SECRET\" }", "\"hunter2-marker\""));
    let mistakes = mistakes_in(load_without_secrets(&file, &folder.environment));
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert!(!mistakes.concat().contains(MARKER), "{mistakes:?}");
}

#[test]
fn what_is_no_secret_is_told() {
    let mut folder = Folder::new();
    folder.environment = Environment::of([("EMPTY", "\n")]);
    let place = folder.path("").display().to_string();
    let told = |folder: &Folder, secret: &str| mistakes_in(with_secret(folder, secret)).join("|").replace(&place, "");
    let path = "3 hyperproof.client_secret";
    assert_eq!(told(&folder, "{ env = \"SECRET\" }"), format!("{path}.env: the variable SECRET is not set"));
    assert_eq!(told(&folder, "{ env = \"EMPTY\" }"), format!("{path}.env: the variable EMPTY is empty"));
    assert_eq!(told(&folder, "{ env = \"\" }"), format!("{path}.env: is empty"));
    assert_eq!(told(&folder, "{ env = 1 }"), format!("{path}.env: must be a text in quotes, but is a whole number"));
    assert_eq!(
        told(&folder, "{ file = \"none\" }"),
        format!("{path}.file: \"none\" cannot be read: no such file or directory")
    );
    assert_eq!(told(&folder, "{ file = \".\" }"), format!("{path}.file: \".\" is not a file"));
    folder.write("empty", "\n");
    assert_eq!(told(&folder, "{ file = \"empty\" }"), format!("{path}.file: the file \"empty\" is empty"));
    folder.write("marked", "\u{feff}secret\n");
    let marked = "the file \"marked\" begins with a byte-order mark, which is no part of a secret";
    assert_eq!(told(&folder, "{ file = \"marked\" }"), format!("{path}.file: {marked}"));
    folder.write("binary", [0xff, 0xfe]);
    assert_eq!(told(&folder, "{ file = \"binary\" }"), format!("{path}.file: \"binary\" is not text (UTF-8)"));
    folder.write("large", vec![b'x'; 70_000]);
    assert_eq!(told(&folder, "{ file = \"large\" }"), format!("{path}.file: \"large\" is too large for a secret"));
    for mode in [0o640, 0o604, 0o620, 0o644] {
        folder.write_with_mode("open", MARKER, mode);
        let expected = format!("{path}.file: \"open\" can be read or written by others (mode {mode:o})");
        assert_eq!(told(&folder, "{ file = \"open\" }"), expected);
    }
    assert_eq!(
        told(&folder, "{ credential = \"x\" }"),
        format!("{path}.credential: $CREDENTIALS_DIRECTORY is not set, so there are no credentials")
    );
    folder.environment = Environment::of([("CREDENTIALS_DIRECTORY", place.clone())]);
    for name in ["../x", "..", "/etc/passwd"] {
        let expected = format!("{path}.credential: is a path, and not the name of a credential");
        assert_eq!(told(&folder, &format!("{{ credential = \"{name}\" }}")), expected);
    }
    assert_eq!(
        told(&folder, "{ credential = \"x\" }"),
        format!("{path}.credential: \"x\" cannot be read: no such file or directory")
    );
    for secret in ["{}", "{ env = \"A\", file = \"b\" }", "{ secret = \"x\" }"] {
        let expected = format!("{path}: must have exactly one of the keys credential, file and env");
        assert_eq!(told(&folder, secret), expected, "{secret}");
    }
    assert_eq!(
        told(&folder, "1"),
        format!("{path}: must be a table that says where the secret is, but is a whole number")
    );
    assert_eq!(told(&folder, "\"x\""), format!("{path}: is written in the file, and secrets are never inline"));
}

/// Everything that a mistake shows, in every form.
fn shown(result: Result<Config, rosterd::config::Mistakes>) -> String {
    let mistakes = result.expect_err("a marker is a mistake wherever it stands");
    format!("{mistakes} {mistakes:?}")
}

#[test]
fn no_mistake_shows_a_secret_that_stands_in_the_file() {
    let positions = [
        ("hyperproof", base_with("{ env = \"SECRET\" }", "@")),
        ("audit", format!("{BASE}[audit]\nsigning_key = @\n")),
        ("http", format!("{BASE}[http]\nlisten = \"127.0.0.1:0\"\ntoken = @\n")),
        ("webhook", format!("{BASE}[[notify]]\nkind = \"webhook\"\nurl = @\n")),
        (
            "email",
            format!(
                "{BASE}[[notify]]\nkind = \"email\"\nserver = \"mail\"\nfrom = \"a@b.c\"\nto = \"a@b.c\"\nusername = \"u\"\npassword = @\n"
            ),
        ),
        ("ldap", format!("{BASE}[[source]]\nname = \"ad\"\nkind = \"ldap\"\nurl = \"ldaps://h\"\nbind_password = @\n")),
        (
            "ldap key",
            format!("{BASE}[[source]]\nname = \"ad\"\nkind = \"ldap\"\nurl = \"ldaps://h\"\nclient_key = @\n"),
        ),
        ("no kind", format!("{BASE}[[notify]]\nurl = @\n")),
    ];
    let values = [
        format!("\"{MARKER}\""),
        format!("'{MARKER}'"),
        format!("[\"{MARKER}\"]"),
        format!("{{ secret = \"{MARKER}\" }}"),
        format!("{{ \"{MARKER}\" = 1 }}"),
        format!("{{ env = \"{MARKER}\" }}"),
        format!("{{ env = [\"{MARKER}\"] }}"),
        // Not TOML at all.
        MARKER.to_owned(),
        format!("\"{MARKER}"),
        format!("{MARKER}\""),
        format!("\"{MARKER}\" \"{MARKER}\""),
        format!("\"\\{MARKER}\""),
        format!("{{ {MARKER} }}"),
        format!("\"\"\"{MARKER}"),
        format!("\"{MARKER}\"\n[{MARKER}"),
    ];
    for (position, text) in &positions {
        for value in &values {
            let shown = shown(Folder::new().load(
                text.replacen('@', "\u{0}", text.matches("a@b.c").count()).replace('@', value).replace('\u{0}', "@"),
            ));
            assert!(!shown.contains("hunter2"), "{position}: {value}: {shown}");
        }
    }
}

#[test]
fn no_mistake_shows_a_secret_that_was_read() {
    let mut folder = Folder::new();
    folder.environment = Environment::of([("SECRET", MARKER)]);
    let text = base_with("client_id = \"id\"", "client_id = 1");
    let text = format!(
        "{text}[audit]\nsigning_key = {{ env = \"SECRET\" }}\n[[notify]]\nkind = \"slack\"\nurl = {{ env = \"SECRET\" }}\n[http]\nlisten = \"x\"\ntoken = {{ env = \"SECRET\" }}\n"
    );
    let shown = shown(folder.load(text));
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("audit.signing_key") && shown.contains("notify[1].url"), "{shown}");
}

#[test]
fn no_mistake_shows_a_password_in_an_address() {
    for key in ["api_url", "token_url", "proxy"] {
        for url in [
            "https://me:hunter2@host/",
            "https://host/?key=hunter2",
            "http://hunter2@host",
            "https://me:hunter2 @host",
            "hunter2",
        ] {
            let shown = shown(Folder::new().load(base_with("client_id", &format!("{key} = \"{url}\"\nclient_id"))));
            assert!(!shown.contains("hunter2"), "{key} {url}: {shown}");
        }
    }
}

#[test]
fn debug_of_a_configuration_shows_no_secret() {
    let mut folder = Folder::new();
    folder.environment = Environment::of([("SECRET", MARKER), ("HYPERPROOF_CLIENT_SECRET", MARKER)]);
    let shown = format!("{:?}", folder.load(BASE).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    let text = template(SourceTemplate::Csv, &rosterd::config::Answers::default());
    assert!(!format!("{:?}", folder.load(text).unwrap()).contains("hunter2"));
}
