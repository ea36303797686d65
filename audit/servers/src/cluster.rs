//! A PostgreSQL server of its own, with durable settings, on a socket in a temporary folder and on the loopback address.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::caretaker::Caretaker;
use crate::program::{User, must, server_program};

/// The role that owns every database of a cluster.
const ROLE: &str = "zamok";

/// Who may connect from where: everybody through the socket; over TCP only with TLS and a password, or a certificate.
const RULES: &str = "local all all trust\n\
    hostssl certified all 127.0.0.1/32 cert\n\
    hostssl all all 127.0.0.1/32 scram-sha-256\n\
    hostnossl all all 127.0.0.1/32 scram-sha-256\n";

/// A running server. It is stopped and its folder removed with this value, or with this process.
#[derive(Debug)]
pub struct Cluster {
    caretaker: Caretaker,
    user: User,
    port: u16,
    standby: bool,
}

/// The files of a small certificate authority: its root, and what a server and a client called `zamok` show.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Cluster {
    /// The password of the role `zamok` over TCP.
    pub const PASSWORD: &'static str = "a password with %, @ and : in it";

    /// Makes a cluster and starts it.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with more lines of `postgresql.conf`.
    #[must_use]
    pub fn start_with(settings: &str) -> Self {
        let cluster = Self::prepare(false);
        let initdb = server_program("initdb");
        let password = cluster.folder().join("password");
        fs::write(&password, Self::PASSWORD).expect("a password file");
        cluster.user.owns(&password);
        let mut command = cluster.user.command(&initdb);
        command.arg("-D").arg(cluster.data()).arg("--pwfile").arg(&password);
        command.args(["-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]);
        must(command.current_dir("/"));
        let certificates = Certificates::make(&cluster.folder().join("tls"), &cluster.user);
        cluster.configure(&format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\nssl_ca_file = '{}'\n{settings}\n",
            certificates.file("server.crt").display(),
            certificates.file("server.key").display(),
            certificates.root().display(),
        ));
        fs::write(cluster.data().join("pg_hba.conf"), RULES).expect("rules");
        cluster.run();
        cluster
    }

    /// A standby of this server, which follows it by streaming.
    #[must_use]
    pub fn standby(&self) -> Self {
        let standby = Self::prepare(true);
        let rules = format!("{RULES}local replication all trust\n");
        fs::write(self.data().join("pg_hba.conf"), rules).expect("rules");
        self.tell("postgres", "SELECT pg_reload_conf()");
        let mut command = standby.user.command(&server_program("pg_basebackup"));
        command.arg("-D").arg(standby.data()).arg("-h").arg(self.folder());
        command.args(["-p", &self.port.to_string(), "-U", ROLE, "-R", "-c", "fast", "--no-sync"]);
        must(command.current_dir("/"));
        standby.configure("");
        standby.run();
        standby
    }

    fn prepare(standby: bool) -> Self {
        let caretaker = Caretaker::hire("QUIT", "data/postmaster.pid");
        let user = User::find();
        fs::set_permissions(caretaker.folder(), fs::Permissions::from_mode(0o755)).expect("our folder");
        user.owns(caretaker.folder());
        Self { caretaker, user, port: free_port(), standby }
    }

    fn configure(&self, settings: &str) {
        let file = self.data().join("postgresql.conf");
        let text = fs::read_to_string(&file).expect("the settings that initdb made");
        let own = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nmax_connections = 300\n\
             logging_collector = off\nlog_min_messages = warning\nshared_buffers = 64MB\n{settings}\n",
            self.port,
            self.folder().display()
        );
        fs::write(&file, text + &own).expect("settings");
    }

    /// Starts a server that was stopped.
    pub fn run(&self) {
        let log = self.folder().join("log");
        let mut command = self.user.command(&server_program("pg_ctl"));
        command.arg("-D").arg(self.data()).arg("-l").arg(&log).args(["-w", "-s", "start"]);
        // A server that holds our pipes would keep whoever reads them waiting.
        let started = command.current_dir("/").stdin(std::process::Stdio::null()).status();
        let started = started.expect("pg_ctl").success();
        assert!(started, "the server does not start:\n{}", fs::read_to_string(&log).unwrap_or_default());
    }

    /// `pg_ctl stop -m immediate`: every process of the server is killed, nothing is flushed, the next start recovers.
    pub fn crash(&self) {
        self.stop("immediate");
    }

    /// `pg_ctl stop -m fast`: connections are ended, everything is written.
    pub fn halt(&self) {
        self.stop("fast");
    }

    fn stop(&self, mode: &str) {
        let mut command = self.user.command(&server_program("pg_ctl"));
        command.arg("-D").arg(self.data()).args(["-w", "-s", "-m", mode, "stop"]);
        must(command.current_dir("/"));
    }

    /// The URL of a database through the socket, for the role `zamok`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(self.folder(), self.port, database)
    }

    /// The URL of a database over TCP and TLS, without a password and a root: `?sslrootcert=` is for the caller to say.
    #[must_use]
    pub fn tcp_url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@localhost:{}/{database}", self.port)
    }

    /// The same with the password, percent-encoded.
    #[must_use]
    pub fn tcp_url_with_password(&self, database: &str) -> String {
        let password = Self::PASSWORD.replace('%', "%25").replace('@', "%40").replace(':', "%3A");
        let password = password.replace(' ', "%20");
        format!("postgres://{ROLE}:{password}@localhost:{}/{database}", self.port)
    }

    /// The file of the socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder().join(format!(".s.PGSQL.{}", self.port))
    }

    /// The folder of the socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.caretaker.folder()
    }

    /// The port, which is also part of the socket's name.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The certificates of its authority.
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        Certificates { folder: self.folder().join("tls") }
    }

    /// What the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Runs SQL with `psql`, as the owner of everything; answers with bare rows.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn ask(&self, database: &str, sql: &str) -> String {
        must(&mut self.psql(database, sql))
    }

    /// As [`Cluster::ask`], for statements whose answer says nothing.
    pub fn tell(&self, database: &str, sql: &str) {
        must(&mut self.psql(database, sql));
    }

    /// What the server says against SQL that it must refuse.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn refuses(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql).output().expect("psql");
        assert!(!output.status.success(), "{sql} is not refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new(server_program("psql"));
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            ROLE,
            "-d",
            database,
            "-c",
            sql,
        ]);
        command.arg("-h").arg(self.folder()).args(["-p", &self.port.to_string()]);
        command
    }

    /// Waits until a standby has replayed what this server has written.
    ///
    /// # Panics
    /// When it has not within twenty seconds.
    pub fn caught_up_by(&self, standby: &Self) {
        assert!(standby.standby, "the other one follows this one");
        let position = self.ask("postgres", "SELECT pg_current_wal_lsn()");
        let until = Instant::now() + Duration::from_secs(20);
        let question = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn");
        while standby.ask("postgres", &question) != "t" {
            assert!(Instant::now() < until, "the standby does not follow");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }
}

/// The URL of a database through a socket.
pub(crate) fn url(folder: &Path, port: u16, database: &str) -> String {
    let folder = folder.to_str().expect("a path in UTF-8").replace('/', "%2F");
    format!("postgres://{ROLE}@{folder}:{port}/{database}")
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

impl Certificates {
    fn make(folder: &Path, user: &User) -> Self {
        let made = Self { folder: folder.to_owned() };
        fs::create_dir(folder).expect("a folder");
        user.owns(folder);
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        for (name, subject, extension) in [
            ("root", "/CN=root", "basicConstraints=critical,CA:true"),
            ("other", "/CN=other", "basicConstraints=critical,CA:true"),
            ("server", "/CN=localhost", "subjectAltName=DNS:localhost"),
            ("client", "/CN=zamok", "extendedKeyUsage=clientAuth"),
        ] {
            let mut command = Command::new("openssl");
            command.args(["req", "-x509"]).args(key).args(["-subj", subject, "-addext", extension]);
            if extension.starts_with("sub") || extension.starts_with("ext") {
                command.arg("-CA").arg(made.root()).arg("-CAkey").arg(made.file("root.key"));
                command.args(["-addext", "basicConstraints=critical,CA:false"]);
            }
            command.arg("-out").arg(made.file(&format!("{name}.crt")));
            command.arg("-keyout").arg(made.file(&format!("{name}.key")));
            must(&mut command);
        }
        let key = made.file("server.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("our file");
        user.owns(&key);
        made
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The root that signed the server's and the client's certificate.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.file("root.crt")
    }

    /// A root that signed neither.
    #[must_use]
    pub fn other_root(&self) -> PathBuf {
        self.file("other.crt")
    }

    /// The certificate and the key of a client called `zamok`.
    #[must_use]
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("client.crt"), self.file("client.key"))
    }
}
