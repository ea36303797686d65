//! PgBouncer in front of a cluster, in transaction mode: consecutive transactions of a client may meet different sessions.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::Cluster;
use crate::caretaker::Caretaker;
use crate::cluster::{free_port, url};
use crate::program::{User, bouncer_program, must};

/// A running PgBouncer. It is stopped with this value, or with this process.
#[derive(Debug)]
pub struct Bouncer {
    caretaker: Caretaker,
    port: u16,
}

impl Bouncer {
    /// Starts one with few connections to the server, so that clients share them.
    ///
    /// # Panics
    /// When it does not listen within ten seconds.
    #[must_use]
    pub fn start(cluster: &Cluster) -> Self {
        let bouncer = Self { caretaker: Caretaker::hire("TERM", "pid"), port: free_port() };
        let folder = bouncer.caretaker.folder();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("our folder");
        let user = User::find();
        user.owns(folder);
        let shown = folder.display();
        let settings = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\npool_mode = transaction\nauth_type = trust\n\
             auth_file = {shown}/users\nlisten_addr =\nlisten_port = {}\nunix_socket_dir = {shown}\n\
             pidfile = {shown}/pid\nlogfile = {shown}/log\ndefault_pool_size = 4\nmax_client_conn = 500\n\
             log_connections = 0\nlog_disconnections = 0\n",
            cluster.folder().display(),
            cluster.port(),
            bouncer.port,
        );
        fs::write(folder.join("users"), "\"zamok\" \"\"\n").expect("a list of users");
        fs::write(folder.join("settings"), settings).expect("settings");
        must(
            user.command(&bouncer_program()).args(["-q", "-d"]).arg(folder.join("settings")).current_dir("/"),
        );
        let socket = folder.join(format!(".s.PGSQL.{}", bouncer.port));
        let until = Instant::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < until, "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        bouncer
    }

    /// The URL of a database through it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(self.caretaker.folder(), self.port, database)
    }
}
