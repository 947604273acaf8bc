//! The page: what a person reads on it, and what nobody gets to see there.

use jiff::Timestamp;
use rosterd::model::run::Trigger;
use rosterd::model::service::Running;
use rosterd::simulator::World;

use super::Watched;
use crate::support::bench::{Bench, address, filtered};

/// The page as text: a tag a line, without its style, and with everything that differs named.
fn page(watched: &Watched) -> String {
    let answer = watched.get("/");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let (head, rest) = answer.body.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let text = filtered(&format!("{head}{rest}").replace("><", ">\n<"));
    let digest = regex::Regex::new("(configuration |approve h-)[0-9a-f]{12}").unwrap();
    digest.replace_all(&text, "${1}DIGEST").into_owned()
}

#[test]
fn a_person_sees_runs_holds_and_sources() {
    let mut bench = Bench::small();
    bench.rest += "\n[group.\"Compliance\"]\nexpect = [\"zoe@corp.example\"]\n";
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan", "compliance,nobody"]);
    let watched = Watched::new(bench);
    watched.run();
    let now = Timestamp::now();
    watched.tell(|state| {
        state.running = Some(Running { trigger: Trigger::Signal, since: now });
        state.configuration.refused = Some((now, "rosterd.toml:3: <b>\n\"zoe@corp.example\" is wrong".into()));
        state.next_run = Some(now + jiff::SignedDuration::from_mins(210));
    });
    insta::assert_snapshot!(page(&watched), @r#"
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>rosterd</title>
    </head>
    <body>
    <header>
    <h1>rosterd</h1>
    <p class="faint">version 0.1.0, TIME</p>
    </header>
    <main>
    <p class="standing good">Ready</p>
    <dl>
    <dt>Next run</dt>
    <dd>TIME (in 3 h)</dd>
    <dt>Under way</dt>
    <dd>a run (signal), begun AGO</dd>
    <dt>Last success</dt>
    <dd>TIME (AGO)</dd>
    </dl>
    <section>
    <h2>Configuration refused</h2>
    <p class="bad">A newer configuration was refused AGO; the one before it is in use.</p>
    <pre>rosterd.toml:3: &lt;b&gt;
    &quot;(address)&quot; is wrong</pre>
    </section>
    <section>
    <h2>Holds</h2>
    <ul class="cards">
    <li>
    <p>Compliance: somebody who is expected is not granted it</p>
    <p class="faint">expect, 1 change, waits since TIME (AGO)</p>
    <pre>rosterd approve h-DIGEST --by YOU --reason &quot;…&quot;</pre>
    </li>
    </ul>
    <p class="faint">rosterd holds shows whom each of them concerns.</p>
    </section>
    <section>
    <h2>Last runs</h2>
    <ol>
    <li>
    <p>
    <span class="">finished, and the guard holds something</span>
    </p>
    <p class="faint">TIME (AGO), schedule, took TIME</p>
    <p class="faint">1 done, 0 failed, 0 not tried, 1 held, 1 skipped</p>
    </li>
    </ol>
    </section>
    <section>
    <h2>Sources</h2>
    <ul class="cards">
    <li>
    <p>hr (csv): <span class="good">read completely</span>
    </p>
    <p class="faint">4 people, last read AGO</p>
    </li>
    </ul>
    </section>
    </main>
    <footer class="faint">
    <p>configuration DIGEST, in use since TIME</p>
    <p>service since TIME · <a href="/metrics">metrics</a> · <a href="/readyz">readiness</a>
    </p>
    </footer>
    </body>
    </html>
    "#);
}

#[test]
fn a_new_service_says_what_it_does_not_know() {
    let mut text = page(&Watched::new(Bench::small()));
    text.retain(|c| c != '\n');
    for words in ["Not ready", "no run has ended yet", "Nothing waits for approval.", "None yet.", "not known"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn nobody_is_named_and_nothing_runs() {
    let mut bench = Bench::small();
    bench.rest += "\n[group.\"Compliance\"]\nexpect = [\"zoe@corp.example\"]\nmin_members = 9\n";
    bench.people(&["compliance,ann", "compliance,dan", "compliance,nobody"]);
    let watched = Watched::new(bench);
    watched.run();
    let html = watched.get("/").body;
    assert!(!html.contains('@') || html.matches('@').count() == html.matches("@media").count(), "{html}");
    for name in ["ann", "bob", "cem", "dan", "zoe", "nobody@", "eve"] {
        let named = regex::Regex::new(&format!(r"\b{name}\b")).unwrap();
        assert!(!named.is_match(&html), "{name}\n{html}");
    }
    for tag in ["<script", "onclick", "javascript:", "http://", "https://", "<img", "<link", " style="] {
        assert!(!html.contains(tag), "{tag}");
    }
}

#[test]
fn names_from_outside_are_text() {
    let evil = "<script>alert(1)</script>&\"'";
    let mut world = World::new("Corp");
    for name in ["ann", "bob"] {
        world.add_user(&address(name));
    }
    world.add_group(evil, &[&address("ann"), &address("bob")]);
    let mut bench = Bench::new(world);
    bench.rest = bench.rest.replace("first_removals = \"apply\"\n", "");
    bench.rest = bench.rest.replace("to = \"Compliance\"", &format!("to = '''{evil}'''"));
    bench.people(&["compliance,ann"]);
    let watched = Watched::new(bench);
    watched.run();
    watched.tell(|state| state.last_run.as_mut().unwrap().error = Some("<img src=x>\nnext line".into()));
    let html = watched.get("/").body;
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;'"), "{html}");
    assert!(html.contains(r"&lt;img src=x&gt;\nnext line"), "{html}");
}
