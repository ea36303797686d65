//! `compare --scaling DIR`: what an account and a login leave in a store and cost it, measured; what a million, a hundred
//! million and a thousand million accounts come to, computed from that; the curve, drawn.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use zamok_cabinet::{Begun, Cabinet, Password, Policy, RequestId, SweepPlace};
use zamok_core::UnixTime;
use zamok_core::otp::{OtpKind, OtpUri, Totp, TotpParameters};
use zamok_core::store::{Range, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_store_sqlite::SqliteStore;

use crate::chart::{Axis, Chart, Line, Scale};
use crate::house::{House, folder, text};
use crate::pairs::Effort;
use crate::store::{CALLERS, Side};

const BEGIN: u64 = 1_800_000_000;
const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
/// Every account logs in so often a day …
const LOGINS_A_DAY: f64 = 1.0;
/// … and this share of a day's logins falls into its busiest hour.
const BUSIEST_HOUR: f64 = 0.1;

/// Rows, and bytes of their keys and values, by table.
type Census = BTreeMap<u16, (f64, f64)>;

/// What was measured.
struct Figures {
    account: Census,
    login: Census,
    commits_a_login: f64,
    /// Bytes of the file for a byte of keys and values.
    file_factor: f64,
    /// Keys, and verifications a second of one caller and of many.
    rates: Vec<(f64, f64, f64)>,
}

/// Measures, writes `scaling.svg` into a folder, and answers with the tables of `docs/scaling.md`.
pub(crate) fn write(folder: &Path, effort: Effort) -> Result<String, String> {
    let figures = measure(effort)?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("scaling.svg"), chart(&figures).svg()))
        .map_err(text)?;
    Ok(tables(&figures))
}

fn measure(effort: Effort) -> Result<Figures, String> {
    let (accounts, logins) = (effort.size(400, 40), effort.size(1_000, 100));
    let folder = folder()?;
    let path = folder.path().join("store.db");
    let clock = ManualClock::new(UnixTime(BEGIN));
    let store = Arc::new(SqliteStore::create(&path).map_err(text)?);
    let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
    let vault =
        Vault::create(store.clone(), &Passphrase::from("nobody is kept out"), options).map_err(text)?;
    let mut policy = Policy::strict();
    policy.password.cost = LIGHT;
    let cabinet = Cabinet::create(Arc::new(vault), "Bank", policy).map_err(text)?;
    let begun = census(&cabinet, &clock)?;

    let apps =
        (0..accounts).map(|number| citizen(&cabinet, &clock, number)).collect::<Result<Vec<_>, _>>()?;
    let enrolled = census(&cabinet, &clock)?;

    let flushes = store.flushes();
    for number in 0..logins {
        if number % accounts == 0 {
            clock.advance(30);
        }
        log_in(&cabinet, number % accounts, &apps[number % accounts], number)?;
    }
    let commits_a_login = (store.flushes() - flushes) as f64 / logins as f64;
    let after = census(&cabinet, &clock)?;

    let bytes: f64 = after.values().map(|(_, bytes)| bytes).sum();
    drop((cabinet, store));
    let file_factor = std::fs::metadata(&path).map_err(text)?.len() as f64 / bytes;
    let sizes: &[usize] = if effort.quick { &[1_000, 10_000] } else { &[1_000, 10_000, 100_000, 1_000_000] };
    let rates = sizes.iter().map(|keys| rate(*keys, effort)).collect::<Result<_, _>>()?;
    Ok(Figures {
        account: each(&enrolled, &begun, accounts),
        login: each(&after, &enrolled, logins),
        commits_a_login,
        file_factor,
        rates,
    })
}

/// Verifications a second over so many keys, each one commit of two rows: no logins.
fn rate(keys: usize, effort: Effort) -> Result<(f64, f64, f64), String> {
    let house = House::build(keys)?;
    let usual = |callers| -> Result<f64, String> {
        let side = Side::new(&house, callers);
        let mut times = (0..3).map(|_| side.turn(effort)).collect::<Result<Vec<_>, _>>()?;
        Ok(1e9 / crate::pairs::median(&mut times))
    };
    Ok((keys as f64, usual(1)?, usual(CALLERS)?))
}

fn login(number: usize) -> String {
    format!("citizen{number}")
}

fn begin(cabinet: &Cabinet, number: usize) -> Result<Begun, String> {
    cabinet.begin_login(&login(number), &Password::new("correct horse battery")).map_err(text)
}

/// Registers and enrols; answers with the app.
fn citizen(cabinet: &Cabinet, clock: &ManualClock, number: usize) -> Result<Totp, String> {
    cabinet.register(&login(number), &Password::new("correct horse battery")).map_err(text)?;
    let Begun::Enrol(enrolment) = begin(cabinet, number)? else { return Err("enrolled before".to_owned()) };
    let offer = cabinet.offer_generator(&enrolment).map_err(text)?;
    let uri = OtpUri::parse(offer.uri.as_str()).map_err(text)?;
    let OtpKind::Totp { period } = uri.kind() else { return Err("no TOTP key".to_owned()) };
    let parameters =
        TotpParameters { algorithm: uri.algorithm(), digits: uri.digits(), period, t0: UnixTime(0) };
    let app = Totp::new(uri.secret(), parameters).map_err(text)?;
    let code = app.code_at(cabinet.vault().now()).map_err(text)?;
    cabinet.confirm_generator(&enrolment, code.as_str()).map_err(text)?;
    // Its test code is spent: the first login is for a later step.
    if number == 0 {
        clock.advance(30);
    }
    Ok(app)
}

fn log_in(cabinet: &Cabinet, number: usize, app: &Totp, request: usize) -> Result<(), String> {
    let Begun::Code(challenge) = begin(cabinet, number)? else { return Err("not enrolled".to_owned()) };
    let code = app.code_at(cabinet.vault().now()).map_err(text)?;
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(request as u64 + 1).to_be_bytes());
    cabinet.answer(&challenge, code.as_str(), RequestId(id)).map(|_| ()).map_err(text)
}

/// What lies in the store once everything is integrated and what is over was removed.
fn census(cabinet: &Cabinet, clock: &ManualClock) -> Result<Census, String> {
    let session = &cabinet.policy().session;
    clock.advance(2 * session.longest);
    cabinet.vault().integrate().map_err(text)?;
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = cabinet.sweep(&place).map_err(text)?.next;
    }
    let mut census = Census::new();
    for table in 0..=Table::LAST.0 {
        let rows =
            cabinet.vault().store().scan(Table(table), &Range::all(), usize::MAX, None).map_err(text)?.rows;
        let bytes = rows.iter().map(|(key, row)| (key.len() + row.value.len()) as f64).sum();
        census.insert(table, (rows.len() as f64, bytes));
    }
    Ok(census)
}

fn each(after: &Census, before: &Census, times: usize) -> Census {
    let times = times as f64;
    let since = |(table, (rows, bytes)): (&u16, &(f64, f64))| {
        let (rows_before, bytes_before) = before.get(table).copied().unwrap_or_default();
        (*table, ((rows - rows_before) / times, (bytes - bytes_before) / times))
    };
    after.iter().map(since).filter(|(_, (_, bytes))| bytes.abs() > 0.05).collect()
}

fn total(census: &Census) -> (f64, f64) {
    census.values().fold((0.0, 0.0), |sum, (rows, bytes)| (sum.0 + rows, sum.1 + bytes))
}

/// Commits a second in the busiest hour.
fn commits_at_peak(accounts: f64, figures: &Figures) -> f64 {
    accounts * LOGINS_A_DAY * BUSIEST_HOUR / 3600.0 * figures.commits_a_login
}

fn tables(figures: &Figures) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let mut put = |line: String| {
        let _ = writeln!(out, "{line}");
    };
    for (what, census) in [("an account with one generator", &figures.account), ("a login", &figures.login)] {
        put(format!("| table | rows of {what} | bytes |\n|---|---|---|"));
        for (table, (rows, bytes)) in census {
            put(format!("| {table} | {rows:.2} | {bytes:.0} |"));
        }
        let (rows, bytes) = total(census);
        put(format!("| all | {rows:.1} | {bytes:.0} |\n"));
    }
    put(format!(
        "{:.2} commits a login; the file has {:.2} bytes for one.\n",
        figures.commits_a_login, figures.file_factor
    ));
    put("| keys | 1 caller, verifications a second | 64 callers |\n|---|---|---|".to_owned());
    for (keys, one, many) in &figures.rates {
        put(format!("| {keys:.0} | {one:.0} | {many:.0} |"));
    }
    put("\n| accounts | store, GB | a year of journal, GB | commits a second, busiest hour |\n|---|---|---|---|".to_owned());
    let gigabytes = |bytes: f64| bytes * figures.file_factor / 1e9;
    for power in [4, 5, 6, 7, 8, 9] {
        let accounts = 10_f64.powi(power);
        let store = gigabytes(accounts * total(&figures.account).1);
        let year = gigabytes(accounts * LOGINS_A_DAY * 365.0 * total(&figures.login).1);
        put(format!("| 10^{power} | {store:.2} | {year:.1} | {:.1} |", commits_at_peak(accounts, figures)));
    }
    out
}

fn chart(figures: &Figures) -> Chart {
    let powers = |range: std::ops::RangeInclusive<i32>| {
        range.map(|power| (10_f64.powi(power), format!("10^{power}"))).collect::<Vec<_>>()
    };
    let needed = (4..=9).map(|power| 10_f64.powi(power)).map(|n| (n, commits_at_peak(n, figures)));
    let measured = |of: fn(&(f64, f64, f64)) -> f64| figures.rates.iter().map(move |rate| (rate.0, of(rate)));
    Chart {
        title: "Commits a second by accounts: of logins, needed; of single codes, measured on SQLite",
        x: Axis { scale: Scale::Logarithmic, range: (1e3, 1e9), ticks: powers(3..=9) },
        y: Axis { scale: Scale::Logarithmic, range: (0.1, 1e5), ticks: powers(-1..=5) },
        lines: vec![
            Line {
                name: "needed: one login a day, a tenth of them in one hour".to_owned(),
                points: needed.collect(),
            },
            Line {
                name: "measured, no logins: a code verified and spent, 1 caller".to_owned(),
                points: measured(|rate| rate.1).collect(),
            },
            Line {
                name: format!("measured, no logins: a code verified and spent, {CALLERS} callers"),
                points: measured(|rate| rate.2).collect(),
            },
        ],
    }
}
