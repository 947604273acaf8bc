//! The short configuration that `rosterd init` writes.

/// What the first source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceTemplate {
    /// CSV files.
    Csv,
    /// A directory server.
    Ldap,
}

/// What `rosterd init` asks for. The defaults are examples to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// `us`, `eu` or `gov`.
    pub region: String,
    /// Where tokens come from; needed for `eu` and `gov`.
    pub token_url: Option<String>,
    /// OAuth client id.
    pub client_id: String,
    /// The variable that holds the OAuth client secret.
    pub secret_variable: String,
    /// The state file.
    pub state_path: String,
    /// The CSV file or glob.
    pub csv_path: String,
    /// The server.
    pub ldap_url: String,
    /// The preset for it.
    pub ldap_schema: String,
    /// DN of the account that reads.
    pub bind_dn: String,
    /// The variable that holds that account's password.
    pub bind_variable: String,
    /// DN below which people are.
    pub user_base: String,
    /// DN below which groups are.
    pub group_base: String,
    /// A directory group.
    pub group: String,
    /// The target group that it feeds.
    pub to: String,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            region: "us".into(),
            token_url: None,
            client_id: "YOUR-CLIENT-ID".into(),
            secret_variable: "HYPERPROOF_CLIENT_SECRET".into(),
            state_path: "/var/lib/rosterd/rosterd.db".into(),
            csv_path: "people/*.csv".into(),
            ldap_url: "ldaps://dc1.corp.example".into(),
            ldap_schema: "active-directory".into(),
            bind_dn: "CN=svc-rosterd,OU=Service,DC=corp,DC=example".into(),
            bind_variable: "ROSTERD_BIND_PASSWORD".into(),
            user_base: "DC=corp,DC=example".into(),
            group_base: "OU=Groups,DC=corp,DC=example".into(),
            group: "compliance".into(),
            to: "Compliance Managers".into(),
        }
    }
}

/// The text of a first configuration, with comments.
pub fn template(kind: SourceTemplate, answers: &Answers) -> String {
    let (name, source) = match kind {
        SourceTemplate::Csv => ("people", csv(answers)),
        SourceTemplate::Ldap => ("directory", ldap(answers)),
    };
    format!(
        "# Configuration of rosterd. Try it: rosterd check, then rosterd plan (which changes nothing).\n\
         # rosterd schema prints every key with its meaning.\n\
         \n\
         {hyperproof}\
         \n\
         [state]\n\
         path = {state}\n\
         \n\
         [schedule]                           # for the service, rosterd run; plan and apply need none\n\
         cron = \"0 */15 * * * *\"              # six fields, seconds first\n\
         timezone = \"UTC\"\n\
         \n\
         {source}\
         \n\
         [[mapping]]                          # a directory group and the target group that it feeds\n\
         source = \"{name}\"\n\
         group = {group}\n\
         to = {to}\n\
         \n\
         [group_defaults]\n\
         mode = \"mirror\"                      # \"report\" plans and never applies: good for a first week\n\
         create = false                       # Hyperproof has no way to delete a group\n",
        hyperproof = hyperproof(answers),
        state = quote(&answers.state_path),
        group = quote(&answers.group),
        to = quote(&answers.to),
    )
}

fn hyperproof(answers: &Answers) -> String {
    let token_url = match &answers.token_url {
        Some(url) => format!("token_url = {}\n", quote(url)),
        None if answers.region == "us" => String::new(),
        None => "# token_url = \"https://…\"             # needed here: ask Hyperproof's support\n".to_owned(),
    };
    format!(
        "[hyperproof]\n\
         region = {region}\n\
         {token_url}\
         client_id = {client_id}\n\
         # Secrets are never in this file: {{ credential = \"name\" }}, {{ file = \"path\" }} or {{ env = \"NAME\" }}.\n\
         client_secret = {{ env = {secret} }}\n",
        region = quote(&answers.region),
        client_id = quote(&answers.client_id),
        secret = quote(&answers.secret_variable),
    )
}

fn csv(answers: &Answers) -> String {
    format!(
        "[[source]]                           # CSV with the columns group, email and (optional) status, id\n\
         name = \"people\"\n\
         kind = \"csv\"\n\
         path = {}\n\
         max_age = \"26h\"                      # older: the export has stopped, and nothing is removed\n",
        quote(&answers.csv_path),
    )
}

fn ldap(answers: &Answers) -> String {
    format!(
        "[[source]]\n\
         name = \"directory\"\n\
         kind = \"ldap\"\n\
         url = {}   # or a list: [\"ldaps://…\", \"ldaps://…\"], tried in order\n\
         # ca_file = \"corp-ca.pem\"            # the company's authority, where the system does not know it\n\
         schema = {}          # active-directory, openldap, rfc2307, freeipa or 389ds\n\
         bind_dn = {}\n\
         bind_password = {{ env = {} }}\n\
         user_base = {}\n\
         group_base = {}\n\
         # OpenLDAP does not say who has left; name what does:\n\
         # disabled = {{ attribute = \"employeeType\", values = [\"left\"] }}\n",
        quote(&answers.ldap_url),
        quote(&answers.ldap_schema),
        quote(&answers.bind_dn),
        quote(&answers.bind_variable),
        quote(&answers.user_base),
        quote(&answers.group_base),
    )
}

/// A TOML text.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
