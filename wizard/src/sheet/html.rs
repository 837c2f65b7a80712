//! The recovery sheet as a page to print: one side of A4 or Letter. It runs no scripts and loads nothing, and says so to the
//! browser, too.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::Sheet;
use super::text::limits;
use crate::qr::Code;

/// Rows from which on they are printed smaller, so that one page is enough.
const MANY_ROWS: usize = 8;

/// The whole page.
pub fn page(sheet: &Sheet, code: &Code) -> Zeroizing<String> {
    let server = escaped(&sheet.server);
    let (account, made_on) = (escaped(&sheet.account), &sheet.made_on);
    let lines = Zeroizing::new(escaped(sheet.lines.trim_end()));
    let limits = with_code(&limits(sheet).join(" "));
    let size = if sheet.rows.len() > MANY_ROWS { " small" } else { "" };
    let mut rows = Zeroizing::new(String::with_capacity(8 * 1024));
    for (number, row) in (1..).zip(&sheet.rows) {
        let _ = write!(rows, "<tr><th scope=\"row\">row {number}</th>");
        for group in row.split(' ') {
            let _ = write!(rows, "<td>{group}</td>");
        }
        rows.push_str("</tr>\n");
    }
    let drawing = code.drawing();
    // With room for all of it: a text that grows leaves its former self in memory.
    let mut page = Zeroizing::new(String::with_capacity(64 * 1024 + drawing.len()));
    let _ = write!(
        page,
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Recovery sheet for Taskwarrior sync</title>
<style>
@page {{ margin: 14mm; }}
* {{ box-sizing: border-box; }}
body {{ font: 10.5pt/1.4 system-ui, "Helvetica Neue", Arial, sans-serif; color: #000; background: #fff; max-width: 182mm; margin: 0 auto; }}
@media screen {{ body {{ padding: 14mm 5mm; }} }}
header {{ display: flex; justify-content: space-between; align-items: baseline; border-bottom: 1.5pt solid #000; padding-bottom: 1.5mm; }}
h1 {{ font-size: 17pt; line-height: 1.2; margin: 0; }}
h2 {{ font-size: 11pt; margin: 4mm 0 .8mm; break-after: avoid; }}
p, ol {{ margin: 0 0 1mm; }}
ol {{ padding-left: 6mm; }}
.secret {{ border: 1.5pt solid #000; padding: 2mm 3mm; margin: 3.5mm 0; }}
.credentials {{ display: flex; gap: 6mm; align-items: center; break-inside: avoid; }}
.credentials svg {{ width: 56mm; height: 56mm; flex: none; }}
dl {{ display: grid; grid-template-columns: auto 1fr; gap: 0 4mm; margin: 0 0 2mm; }}
dt, th {{ font-weight: 400; font-size: 9pt; text-align: left; color: #333; padding-right: 3mm; white-space: nowrap; }}
dd {{ margin: 0; overflow-wrap: anywhere; font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
table {{ border-collapse: collapse; }}
td {{ font: 600 13pt/1.75 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; letter-spacing: .04em; padding-right: 3.2mm; }}
.small td {{ font-size: 9pt; line-height: 1.4; padding-right: 2mm; }}
.note {{ font-size: 9pt; color: #333; }}
pre {{ font: 8.5pt/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; border: .5pt solid #000; padding: 1.5mm 2.5mm; margin: 1mm 0; white-space: pre-wrap; overflow-wrap: anywhere; }}
code {{ font: 600 .93em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
.tested {{ display: flex; gap: 12mm; margin-top: 1.5mm; }}
.tested span {{ border-bottom: .5pt solid #000; width: 34mm; height: 6mm; }}
</style>
</head>
<body>
<header><h1>Recovery sheet for Taskwarrior sync</h1><span>made on {made_on}</span></header>
<p class="secret"><strong>Keep this secret.</strong> Whoever has this sheet can read and change all tasks of this account. Keep
it as you keep a passport: away from the computers, in no cloud, shown to nobody.</p>
<div class="credentials">
{drawing}
<div>
<dl><dt>server</dt><dd>{server}</dd><dt>account</dt><dd>{account}</dd></dl>
<table class="rows{size}">
{rows}</table>
<p class="note">only A to Z and 2 to 7; small letters mean the same</p>
</div>
</div>
<h2>To get the tasks back</h2>
<ol>
<li>On a new computer, install Taskwarrior 3 and taskferry.</li>
<li>Run <code>taskferry recover</code>, and type the server and the rows; or take a picture of this sheet, and run
<code>taskferry recover --image PICTURE</code>.</li>
<li>It says how many tasks have arrived.</li>
</ol>
<h2>Without taskferry</h2>
<p>Put these three lines into the file <code>.taskrc</code> in your home folder, and run <code>task sync</code>:</p>
<pre>{lines}</pre>
<h2>What it can’t do</h2>
<p>{limits}</p>
<h2>If somebody else has seen it</h2>
<p>The code can’t be changed. On a computer that syncs, run <code>taskferry move</code>: the tasks go to an account with a new one.</p>
<h2>Test it now, and once a year</h2>
<p>Run <code>taskferry recover --test</code>, and type it in. That changes nothing. Tested on:</p>
<div class="tested"><span></span><span></span><span></span><span></span></div>
</body>
</html>
"#,
        drawing = drawing.as_str(),
        rows = rows.as_str(),
        lines = lines.as_str(),
    );
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Our own words, in which backticks mark what is typed.
fn with_code(words: &str) -> String {
    let parts = escaped(words);
    let marked = parts.split('`').zip([false, true].into_iter().cycle());
    marked.map(|(part, is_code)| if is_code { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sheet;
    use super::*;

    fn html(server: &str) -> String {
        let (credentials, sheet) = sheet(server);
        page(&sheet, &Code::for_paper(&credentials.to_text()).unwrap()).to_string()
    }

    #[test]
    fn the_page_holds_all_and_loads_nothing() {
        let html = html("https://sync.example.org");
        assert!(html.contains("<td>AF7M</td><td>LJGS</td>"), "{html}");
        assert!(html.contains("default-src 'none'"), "{html}");
        for forbidden in ["<script", "src=", "href=", "url(", "@import", "<link", "<img", "onload"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        // Its one address is the server's own.
        assert_eq!(html.matches("http").count(), html.matches("https://sync.example.org").count() + 1, "{html}");
    }

    #[test]
    fn what_stands_in_an_address_is_text_on_the_page() {
        let html = html("https://sync.example.org/a&amp;b");
        assert!(html.contains("https://sync.example.org/a&amp;amp;b"), "{html}");
    }
}
