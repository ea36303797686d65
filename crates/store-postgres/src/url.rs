//! Where a store lies: `postgres://USER@HOST:PORT/DATABASE?…`, after the URIs of libpq, with a few parameters of our own.

use std::collections::hash_map::RandomState;
use std::fmt::{self, Write as _};
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use zamok_core::store::StoreFault;
use zamok_core::wire::unhex;

/// The place of a store in a PostgreSQL database, and how to get there.
///
/// `postgres://USER[:PASSWORD]@HOST[:PORT][,HOST…]/DATABASE[?PARAMETER=VALUE[&…]]`; `postgresql://` means the same. A host that
/// begins with `/` (written `%2F`) is the folder of a socket. Of several hosts the first that may be written is taken.
///
/// | parameter | meaning | default |
/// |---|---|---|
/// | `schema` | the schema that holds the store: `a`–`z`, digits, `_`; no word of SQL's own | `zamok` |
/// | `pool` | most connections of this handle, 1 to 1000 | 16 |
/// | `timeout` | most seconds that a call takes, 1 to 300 | 10 |
/// | `sslmode` | `verify-full`: TLS, the certificate's chain and the name of the host are checked (`require` and `verify-ca` mean the same here); `disable`: in the clear | `verify-full`; sockets know no TLS |
/// | `sslrootcert` | a file with the roots to trust, or `system`; a program with more rights than whoever started it (set-user-ID) needs the file | `system` |
/// | `sslcert`, `sslkey` | files with a certificate of the client and its key | none |
/// | `password_file` | a file with the password, closed to everyone but its owner | none |
///
/// Others are those of libpq that the client library knows: `connect_timeout`, `hostaddr`, `application_name`,
/// `channel_binding`, `keepalives_idle`, `load_balance_hosts` …
///
/// What is printed of it has no password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    pub(crate) config: Config,
    pub(crate) schema: String,
    pub(crate) pool: usize,
    pub(crate) timeout: Duration,
    pub(crate) tls: Tls,
    pub(crate) password_file: Option<PathBuf>,
}

/// What is asked of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Nothing: the connection is a socket of this machine, or the URL says so.
    Off,
    /// Chain and name are checked.
    Verified { roots: Option<PathBuf>, identity: Option<(PathBuf, PathBuf)> },
}

/// For how long one host is tried.
const CONNECT: Duration = Duration::from_secs(5);
/// A silent connection is asked after this time whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

impl PostgresUrl {
    /// Reads a URL. Nothing is asked of any server, and no file is read.
    ///
    /// # Errors
    /// [`StoreFault::Url`] for anything that is not of the form above, `sslmode=prefer` and `allow` included: whoever
    /// stands in between could turn them into nothing.
    pub fn parse(url: &str) -> Result<Self, StoreFault> {
        let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
        if !(place.starts_with("postgres://") || place.starts_with("postgresql://")) {
            return Err(StoreFault::Url);
        }
        let mut own = Own::default();
        let mut rest = String::from(place);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(StoreFault::Url)?;
            if !own.take(name, value)? {
                rest.push(if rest.contains('?') { '&' } else { '?' });
                rest.push_str(parameter);
            }
        }
        let mut config: Config = rest.parse().map_err(|_| StoreFault::Url)?;
        // Settings of a session do not survive a pooler between transactions.
        if config.get_options().is_some() || config.get_hosts().is_empty() || config.get_dbname().is_none() {
            return Err(StoreFault::Url);
        }
        // An address goes before the host in its place, a socket too: that would be a connection in the clear.
        let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs().len());
        let has_socket = hosts.iter().any(|host| matches!(host, Host::Unix(_)));
        if addresses > 0 && (has_socket || addresses != hosts.len()) {
            return Err(StoreFault::Url);
        }
        if config.get_ports().len() > 1 && config.get_ports().len() != hosts.len() {
            return Err(StoreFault::Url);
        }
        let is_local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let tls = own.tls(is_local)?;
        config.ssl_mode(if tls == Tls::Off { SslMode::Disable } else { SslMode::Require });
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if !parameters.contains("keepalives") {
            config.keepalives_idle(KEEPALIVE).keepalives_interval(CONNECT).keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("zamok");
        }
        let timeout = own.timeout.unwrap_or(Duration::from_secs(10));
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(timeout);
        }
        let schema = own.schema.unwrap_or_else(|| "zamok".to_owned());
        Ok(Self {
            config,
            schema,
            pool: own.pool.unwrap_or(16),
            timeout,
            tls,
            password_file: own.password_file,
        })
    }

    /// Whether the URL itself holds a password, which everyone can read who sees the arguments of a program.
    #[must_use]
    pub fn holds_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Whether nobody on the way can read or alter what is sent: a socket of this machine, or TLS.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let mut hosts = self.config.get_hosts().iter();
        self.tls != Tls::Off || hosts.all(|host| matches!(host, Host::Unix(_)))
    }

    /// The configuration with the password from its file, where one is named.
    pub(crate) fn with_password(&self) -> Result<Config, StoreFault> {
        let mut config = self.config.clone();
        if let Some(path) = &self.password_file {
            config.password(private_line(path)?);
        }
        Ok(config)
    }

    /// The same for each host by itself, in the order in which they are to be tried.
    pub(crate) fn one_by_one(&self) -> Result<Vec<Config>, StoreFault> {
        let whole = self.with_password()?;
        let hosts = whole.get_hosts().iter().enumerate();
        let mut each: Vec<Config> = hosts.map(|(number, host)| alone(&whole, number, host)).collect();
        if whole.get_load_balance_hosts() == LoadBalanceHosts::Random {
            each.sort_by_cached_key(|_| RandomState::new().build_hasher().finish());
        }
        Ok(each)
    }
}

/// The configuration of one of the hosts.
fn alone(whole: &Config, number: usize, host: &Host) -> Config {
    let mut config = Config::new();
    match host {
        Host::Tcp(name) => config.host(name.as_str()),
        Host::Unix(folder) => config.host_path(folder),
    };
    if let Some(address) = whole.get_hostaddrs().get(number) {
        config.hostaddr(*address);
    }
    if let Some(port) = whole.get_ports().get(number).or(whole.get_ports().first()) {
        config.port(*port);
    }
    if let Some(user) = whole.get_user() {
        config.user(user);
    }
    if let Some(password) = whole.get_password() {
        config.password(password);
    }
    if let Some(database) = whole.get_dbname() {
        config.dbname(database);
    }
    if let Some(name) = whole.get_application_name() {
        config.application_name(name);
    }
    if let Some(timeout) = whole.get_connect_timeout() {
        config.connect_timeout(*timeout);
    }
    if let Some(timeout) = whole.get_tcp_user_timeout() {
        config.tcp_user_timeout(*timeout);
    }
    config.keepalives(whole.get_keepalives()).keepalives_idle(whole.get_keepalives_idle());
    if let Some(interval) = whole.get_keepalives_interval() {
        config.keepalives_interval(interval);
    }
    if let Some(retries) = whole.get_keepalives_retries() {
        config.keepalives_retries(retries);
    }
    config.ssl_mode(whole.get_ssl_mode()).ssl_negotiation(whole.get_ssl_negotiation());
    config.channel_binding(whole.get_channel_binding());
    config.target_session_attrs(whole.get_target_session_attrs());
    // Of the addresses of one name, too.
    config.load_balance_hosts(whole.get_load_balance_hosts());
    config
}

/// The one line of a file that only its owner may read.
fn private_line(path: &Path) -> Result<String, StoreFault> {
    let mode = fs::metadata(path).map_err(|_| StoreFault::Denied)?.mode();
    if mode & 0o077 != 0 {
        return Err(StoreFault::Denied);
    }
    let text = fs::read_to_string(path).map_err(|_| StoreFault::Denied)?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// The parameters that the client library does not know, or that mean something stricter here.
#[derive(Default)]
struct Own {
    schema: Option<String>,
    pool: Option<usize>,
    timeout: Option<Duration>,
    mode: Option<String>,
    roots: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    password_file: Option<PathBuf>,
}

impl Own {
    /// Whether the parameter was one of these.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, StoreFault> {
        let value = decoded(value)?;
        let number = |low: u64, high: u64| {
            value.parse().ok().filter(|number| (low..=high).contains(number)).ok_or(StoreFault::Url)
        };
        match name {
            "schema" if is_name(&value) => once(&mut self.schema, value)?,
            "schema" => return Err(StoreFault::Url),
            "pool" => once(&mut self.pool, usize::try_from(number(1, 1000)?).map_err(|_| StoreFault::Url)?)?,
            "timeout" => once(&mut self.timeout, Duration::from_secs(number(1, 300)?))?,
            "sslmode" => once(&mut self.mode, value)?,
            "sslrootcert" => once(&mut self.roots, value)?,
            "sslcert" => once(&mut self.certificate, value.into())?,
            "sslkey" => once(&mut self.key, value.into())?,
            "password_file" => once(&mut self.password_file, value.into())?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn tls(&self, is_local: bool) -> Result<Tls, StoreFault> {
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err(StoreFault::Url),
        };
        let named = self.roots.is_some() || identity.is_some();
        match self.mode.as_deref() {
            Some("disable") if named => Err(StoreFault::Url),
            Some("disable") => Ok(Tls::Off),
            None if is_local && !named => Ok(Tls::Off),
            // Sockets know no TLS: whoever asks for it is told, and not left in the belief of having it.
            _ if is_local => Err(StoreFault::Url),
            None | Some("require" | "verify-ca" | "verify-full") => {
                let roots = self.roots.as_deref().filter(|roots| *roots != "system").map(PathBuf::from);
                Ok(Tls::Verified { roots, identity })
            }
            Some(_) => Err(StoreFault::Url),
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), StoreFault> {
    if slot.replace(value).is_some() { Err(StoreFault::Url) } else { Ok(()) }
}

/// A name that needs no quotes anywhere, and fits PostgreSQL's 63 bytes.
fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    name.len() <= 63
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
        && !name.starts_with("pg_")
}

fn decoded(text: &str) -> Result<String, StoreFault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2).ok_or(StoreFault::Url)?;
        bytes.extend(unhex::<1>(digits).ok_or(StoreFault::Url)?);
        rest = tail;
    }
    if bytes.contains(&0) {
        Err(StoreFault::Url)
    } else {
        String::from_utf8(bytes).map_err(|_| StoreFault::Url)
    }
}

/// Whatever may have a meaning in a URL percent-encoded.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // A string takes everything.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

impl fmt::Display for PostgresUrl {
    /// User, hosts, ports, database and schema: enough to find it, nothing to enter it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{}@", encoded(user))?;
        }
        let ports = self.config.get_ports();
        for (number, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) if name.contains(':') => write!(f, "{comma}[{name}]")?,
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                Host::Unix(folder) => write!(f, "{comma}{}", encoded(&folder.to_string_lossy()))?,
            }
            if let Some(port) = ports.get(number).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        let database = encoded(self.config.get_dbname().unwrap_or_default());
        write!(f, "/{database}?schema={}", self.schema)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_the_rest_is_left_to_the_library() {
        let url = PostgresUrl::parse(
            "postgres://app:s%3Acret@db1,db2:6432/bank?schema=vault_2&pool=7&timeout=3&sslrootcert=%2Fetc%2Froot.pem&connect_timeout=2",
        )
        .expect("a URL");
        assert_eq!((url.schema.as_str(), url.pool, url.timeout.as_secs()), ("vault_2", 7, 3));
        assert_eq!(url.config.get_password(), Some(b"s:cret".as_slice()));
        assert_eq!(url.config.get_connect_timeout(), Some(&Duration::from_secs(2)));
        assert_eq!(url.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(url.tls, Tls::Verified { roots: Some("/etc/root.pem".into()), identity: None });
        let plain = PostgresUrl::parse("postgresql://app@%2Frun%2Fpg/bank").expect("a URL");
        assert_eq!((plain.tls, plain.schema.as_str(), plain.pool), (Tls::Off, "zamok", 16));
    }

    #[test]
    fn what_is_printed_has_no_password() {
        let url = PostgresUrl::parse("postgres://app:hunter2@db:6432/bank?password_file=/x").expect("a URL");
        assert!(url.holds_password());
        assert_eq!(format!("{url}"), "postgres://app@db:6432/bank?schema=zamok");
        assert_eq!(format!("{url:?}"), "PostgresUrl(postgres://app@db:6432/bank?schema=zamok)");
        let url = PostgresUrl::parse("postgres://db/bank?user=app&password=hunter2").expect("a URL");
        assert!(url.holds_password() && !format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_printed_is_read_again_and_leads_to_the_same_place() {
        for url in [
            "postgres://app@%2Frun%2Fpg:5433/bank?schema=vault",
            "postgres://a%40b@[::1]:5433/b%2Fk",
            "postgres://app@db/bank",
        ] {
            let url = PostgresUrl::parse(url).expect("a URL");
            let again = PostgresUrl::parse(&url.to_string());
            assert!(again.as_ref().is_ok_and(|again| *again == url), "{url}: {again:?}");
        }
    }

    #[test]
    fn a_host_by_itself_loses_no_parameter() {
        let url = PostgresUrl::parse(
            "postgres://app:secret@db:5433/bank?hostaddr=192.0.2.1&application_name=x&connect_timeout=2&tcp_user_timeout=3\
             &keepalives=1&keepalives_idle=7&keepalives_interval=8&keepalives_retries=9&target_session_attrs=read-write\
             &channel_binding=require&sslnegotiation=direct&load_balance_hosts=random",
        )
        .expect("a URL");
        assert_eq!(url.one_by_one().expect("no file is named"), std::slice::from_ref(&url.config));
    }

    #[test]
    fn what_would_weaken_or_confuse_is_refused() {
        for url in [
            "mysql://a@b/c",
            "postgres:a",
            "postgres://",
            "postgres:///bank",
            "postgres://app@db",
            "postgres://app@db/bank?sslmode=prefer",
            "postgres://app@db/bank?sslmode=allow",
            "postgres://app@db/bank?sslmode=disable&sslrootcert=x",
            "postgres://app@%2Frun/bank?sslmode=verify-full",
            "postgres://app@%2Frun/bank?sslrootcert=x",
            "postgres://app@db/bank?sslcert=x",
            "postgres://app@db/bank?schema=Bank",
            "postgres://app@db/bank?schema=a-b",
            "postgres://app@db/bank?schema=pg_x",
            "postgres://app@db/bank?schema=",
            "postgres://app@db/bank?schema=a&schema=b",
            "postgres://app@db/bank?pool=0",
            "postgres://app@db/bank?pool=1001",
            "postgres://app@db/bank?timeout=0",
            "postgres://app@db/bank?options=-cfsync%3Doff",
            "postgres://app@db/bank?unknown=1",
            "postgres://app@db/bank?schema",
            "postgres://app@db/bank?sslrootcert=%zz",
            "postgres://app@db/bank?sslrootcert=%+1",
            "postgres://app@%2Frun/bank?hostaddr=192.0.2.1",
            "postgres://app@db,%2Frun/bank?hostaddr=192.0.2.1,192.0.2.2",
            "postgres://app@db/bank?hostaddr=192.0.2.1,192.0.2.2",
            "postgres://app@db/bank?port=5433,5434",
        ] {
            assert_eq!(PostgresUrl::parse(url).err(), Some(StoreFault::Url), "{url}");
        }
    }

    #[test]
    fn a_password_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        fs::write(&file, "two words\n").expect("a file");
        let url = format!("postgres://app@db/bank?password_file={}", file.display());
        let url = PostgresUrl::parse(&url).expect("a URL");
        for mode in [0o640, 0o604, 0o602, 0o620] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("our file");
            assert_eq!(url.with_password().err(), Some(StoreFault::Denied), "{mode:o}");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("our file");
        let config = url.with_password().expect("a configuration");
        assert_eq!(config.get_password(), Some(b"two words".as_slice()));
        fs::remove_file(&file).expect("our file");
        assert_eq!(url.with_password().err(), Some(StoreFault::Denied));
    }

    #[test]
    fn a_socket_among_the_hosts_takes_tls_from_none_of_the_others() {
        for hosts in ["%2Frun%2Fpg,db2", "db2,%2Frun%2Fpg"] {
            let mixed = PostgresUrl::parse(&format!("postgres://app@{hosts}/bank")).expect("a URL");
            assert_eq!(mixed.tls, Tls::Verified { roots: None, identity: None }, "{hosts}");
            assert!(mixed.is_private(), "{hosts}");
            let clear = format!("postgres://app@{hosts}/bank?sslmode=disable");
            assert!(!PostgresUrl::parse(&clear).expect("a URL").is_private(), "{hosts}");
        }
        assert!(PostgresUrl::parse("postgres://app@%2Frun%2Fpg/bank").expect("a URL").is_private());
    }
}
