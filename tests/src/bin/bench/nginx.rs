//! nginx with the same certificate, the same protocol versions and a fixed body of the
//! same size, doing the same work: a key looked up, two limits counted, the same headers.
//! The yardstick for serving.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use gateway_tests::process;

use crate::floor::HEADERS;

/// A running nginx.
pub(crate) struct Nginx {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Nginx {
    /// Starts nginx on `address` with the gateway's own pair and one location
    /// for each path, answering a body of that many bytes.
    pub(crate) async fn start(
        address: IpAddr,
        tls: &Path,
        bodies: &[(&str, usize)],
        key: &str,
    ) -> anyhow::Result<Nginx> {
        let dir = tempfile::tempdir()?;
        let mut locations = String::new();
        for (index, (path, size)) in bodies.iter().enumerate() {
            std::fs::write(dir.path().join(index.to_string()), "x".repeat(*size))?;
            let _ = writeln!(
                locations,
                "location = {path} {{ alias {}/{index}; default_type application/json; }}",
                dir.path().display()
            );
        }
        let address = SocketAddr::new(address, 9443);
        let (cert, pair_key) = (tls.join("cert.pem"), tls.join("key.pem"));
        let mut headers = String::new();
        for (name, value) in HEADERS {
            let _ = writeln!(headers, "add_header {name} \"{value}\";");
        }
        // Limits that count and are never reached: every answer is a 200.
        let config = format!(
            "daemon off; master_process on; worker_processes 2; pid {dir}/pid; error_log stderr crit;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; keepalive_requests 100000000; sendfile on; open_file_cache max=100;\n\
             map $http_x_api_key $known {{ default 0; \"{key}\" 1; }}\n\
             limit_req_zone $binary_remote_addr zone=address:1m rate=1000000r/s;\n\
             limit_req_zone $http_x_api_key zone=key:1m rate=1000000r/s;\n{headers}\
             server {{ if ($known = 0) {{ return 401; }}\n\
             limit_req zone=address burst=100000 nodelay; limit_req zone=key burst=100000 nodelay;\n\
             listen {address} ssl; ssl_certificate {cert}; ssl_certificate_key {pair_key};\n\
             ssl_protocols TLSv1.3; ssl_session_tickets off; ssl_session_cache off;\n{locations} }} }}\n",
            dir = dir.path().display(),
            cert = cert.display(),
            pair_key = pair_key.display(),
        );
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, config)?;
        std::fs::set_permissions(
            dir.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )?;
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .kill_on_drop(true)
            .spawn()
            .context("nginx is needed for the comparison: apt-get install nginx-light")?;
        let nginx = Nginx {
            child,
            address,
            _dir: dir,
        };
        gateway_tests::eventually("nginx", || async {
            Ok(tokio::net::TcpStream::connect(nginx.address).await.ok())
        })
        .await?;
        Ok(nginx)
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time of all its processes.
    pub(crate) fn cpu(&self) -> anyhow::Result<std::time::Duration> {
        let pid = self.child.id().context("nginx ended")?;
        let mut total = process::cpu(pid)?;
        for worker in process::children(pid)? {
            total += process::cpu(worker)?;
        }
        Ok(total)
    }

    /// Ends it with its workers.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("kill")
                .arg("-QUIT")
                .arg(pid.to_string())
                .status()
                .await?;
        }
        self.child.wait().await?;
        Ok(())
    }
}
