"""The servers that are compared, each as its own documentation would set it up for this: one worker, cache in memory, no access
log. A server is started once for a run, on a free port, and stopped by its pid."""
import contextlib
import http.client
import os
import pwd
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import time

import measure
import stylesheet

STORE_MIB = 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port, path, headers=None, tls=False):
    """(status, fields in lower case, body) of one GET; over TLS whatever the certificate."""
    if tls:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": "bench.test", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class Server:
    """One server. `rows` that it cannot take part in are named with the reason in `cannot`."""
    name = ""
    program = ""
    note = ""
    cannot = {}
    origin_codes = False            # the origin compresses, since the server does not, or would do it at each hit
    ready = "/hit/1k/start"         # answered with 200 once it serves

    def __init__(self, run, workers=1, cores="0", store_mib=STORE_MIB):
        self.run, self.workers, self.cores, self.store_mib = run, workers, cores, store_mib
        self.port, self.tls_port, self.h2_port = free_port(), free_port(), free_port()
        self.folder = os.path.join(run.folder, f"{self.name}-{self.port}")
        self.process = None

    @classmethod
    def missing(cls):
        return None if shutil.which(cls.program) else f"{cls.program} is not installed"

    def start(self):
        os.makedirs(self.folder)
        command = self.command()
        self.log = open(os.path.join(self.folder, "output.log"), "wb")
        self.process = subprocess.Popen(["taskset", "-c", self.cores, *command], stdout=self.log, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, env=self.environment(), start_new_session=True)
        deadline = time.monotonic() + 40
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start; it said:\n{self.said()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if fetch(self.port, self.ready)[0] == 200:
                    break
            time.sleep(0.1)
        return self

    def said(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()[-2000:]

    def stop(self):
        if self.process is None:
            return
        family = measure.tree(self.process.pid)
        for sign, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            for pid in family if sign == signal.SIGKILL else family[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                break
        for pid in family[1:]:      # children that outlived their parent
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process = None
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pids(self):
        return measure.tree(self.process.pid)

    def memory(self):
        return measure.memory_bytes(self.pids(), self.cache_folder())

    def cache_folder(self):
        return None

    def environment(self):
        return None

    def command(self):
        raise NotImplementedError

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def path_of(self, row):
        """Where what is sent coded lies: who does not code by itself asks the origin for what is coded."""
        return row.path.replace("/css/", "/coded/") if self.origin_codes else row.path

    def coded_well(self, fields):
        """Whether a coded answer is as it will stay."""
        return True

    def said_hit(self, status, fields):
        """What the answer's own fields say: True hit, False miss, None nothing."""
        return None

    @classmethod
    def version(cls):
        return ""


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip().split("\n")[0]


class Floor(Server):
    name = "floor"
    note = "bench/floor.cc: raw epoll, one read and one writev; with TLS bench/floor_tls.cc"
    cannot = {"pass": "asks no origin", "miss": "asks no origin", "object": "stores nothing", "h2-1k": "speaks no HTTP/2",
              "h2-16k": "speaks no HTTP/2"}

    @classmethod
    def missing(cls):
        return None

    def path_of(self, row):
        return f"/hit/{len(stylesheet.coded('br' if 'br' in row.accept else 'gzip'))}/style"

    def command(self):
        secure = [self.run.program("bench/bench_floor_tls"), str(self.tls_port), self.run.certificate]
        return ["sh", "-c", f"{shlex.join(secure)} & exec \"$0\" \"$@\"", self.run.program("bench/bench_floor"), str(self.port), str(self.workers)]


class Davenport(Server):
    name = "Davenport"

    @classmethod
    def missing(cls):
        return None

    def config(self):
        return f"""workers = {self.workers}
[[listen]]
address = "127.0.0.1:{self.port}"
[[listen]]
address = "127.0.0.1:{self.h2_port}"
[[listen]]
address = "127.0.0.1:{self.tls_port}"
[listen.tls]
certificates = [{{ certificate = "{self.run.certificate}", key = "{self.run.certificate}" }}]
[cache]
memory = "{self.store_mib}MiB"
[admin]
address = "127.0.0.1:{self.admin_port}"
[limits]
idle_timeout = "10m"
[origin.bench]
servers = ["127.0.0.1:{self.run.origin_port}"]
max_idle = 256
"""

    def command(self):
        self.admin_port = free_port()
        return [self.run.program("davenport"), "run", self.write("davenport.toml", self.config())]

    def coded_well(self, fields):
        return fields.get("etag", "").endswith('+"')      # the mark of the strong level

    def said_hit(self, status, fields):
        return "; hit" in fields.get("cache-status", "")


class Nginx(Server):
    program = "nginx"
    name = "nginx"
    note = "proxy_cache on tmpfs, open_file_cache, sendfile; tcp_nopush on"
    origin_codes = True
    nopush = "on"

    @classmethod
    def version(cls):
        return first_line("nginx", "-v").replace("nginx version: ", "")

    def command(self):
        files = os.path.join(self.folder, "cache")
        os.makedirs(files)
        return ["nginx", "-c", self.write("nginx.conf", f"""
daemon off; worker_processes {self.workers}; pid {self.folder}/pid; error_log {self.folder}/error.log crit; user root;
events {{ worker_connections 20000; }}
http {{
  access_log off; sendfile on; tcp_nopush {self.nopush}; tcp_nodelay on; server_tokens off; default_type application/octet-stream;
  keepalive_timeout 600s; keepalive_requests 1000000000; reset_timedout_connection on;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/temp; fastcgi_temp_path {self.folder}/fastcgi;
  uwsgi_temp_path {self.folder}/uwsgi; scgi_temp_path {self.folder}/scgi;
  open_file_cache max=12000 inactive=600s; open_file_cache_valid 600s;
  proxy_cache_path {files} levels=1:2 keys_zone=bench:64m max_size={self.store_mib}m inactive=1h use_temp_path=off;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_buffers 8 32k; proxy_buffer_size 8k;
  proxy_busy_buffers_size 64k;
  map $http_x_tell $tell {{ default $upstream_cache_status; "" ""; }}
  upstream origin {{ server 127.0.0.1:{self.run.origin_port}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{self.port} reuseport backlog=4096; listen 127.0.0.1:{self.h2_port} http2; listen 127.0.0.1:{self.tls_port} ssl;
    http2_max_requests 1000000000; ssl_certificate {self.run.certificate}; ssl_certificate_key {self.run.certificate}; ssl_protocols TLSv1.3;
    location / {{ proxy_pass http://origin; proxy_cache bench; proxy_cache_key $uri; add_header X-Cache $tell; }}
    location /pass/ {{ proxy_pass http://origin; }}
  }}
}}
""")]

    def cache_folder(self):
        return os.path.join(self.folder, "cache")

    def said_hit(self, status, fields):
        return fields.get("x-cache") == "HIT"


class NginxNopushOff(Nginx):
    name = "nginx-nopush-off"
    note = "the same with tcp_nopush off"
    nopush = "off"


class Haproxy(Server):
    program = "haproxy"
    name = "HAProxy"
    note = "http-reuse always, cache of 1 GiB; process-vary for what is coded"
    origin_codes = True
    cannot = {"object": "takes its whole cache at the start: nothing grows by an object"}

    @classmethod
    def version(cls):
        return " ".join(first_line("haproxy", "-v").split()[:3])

    def command(self):
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", f"""
global
  nbthread {self.workers}
  maxconn 9000
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  timeout http-keep-alive 600s
  http-reuse always
cache bench
  total-max-size {min(self.store_mib, 4095)}
  max-object-size 400000
  max-age 86400
cache coded
  total-max-size 16
  max-object-size 400000
  max-age 86400
  process-vary on
frontend in
  bind 127.0.0.1:{self.port} backlog 4096
  bind 127.0.0.1:{self.h2_port} proto h2
  bind 127.0.0.1:{self.tls_port} ssl crt {self.run.certificate} alpn http/1.1
  use_backend passed if {{ path_beg /pass/ }}
  use_backend coded if {{ path_beg /coded/ }}
  default_backend cached
backend coded
  http-request cache-use coded
  http-response cache-store coded
  server origin 127.0.0.1:{self.run.origin_port} pool-max-conn 256
backend cached
  http-request cache-use bench
  http-response cache-store bench
  server origin 127.0.0.1:{self.run.origin_port} pool-max-conn 256
backend passed
  server origin 127.0.0.1:{self.run.origin_port} pool-max-conn 256
""")]

    def said_hit(self, status, fields):
        return "age" in fields or status == 304


# What varnishd would write to its log in shared memory for each request: without it, it is faster.
VARNISH_LOG = ("Begin End Link SessOpen SessClose HitPass HitMiss Hit Timestamp ReqStart ReqMethod ReqURL ReqProtocol ReqHeader "
               "ReqUnset ReqAcct RespProtocol RespStatus RespReason RespHeader RespUnset BereqMethod BereqURL BereqProtocol "
               "BereqHeader BereqUnset BereqAcct BerespProtocol BerespStatus BerespReason BerespHeader BerespUnset ObjProtocol "
               "ObjStatus ObjReason ObjHeader ObjUnset BogoHeader VCL_call VCL_return VCL_use BackendOpen BackendClose Fetch_Body "
               "TTL Length Storage ExpKill Filters").split()


class Varnish(Server):
    program = "varnishd"
    name = "Varnish"
    cannot = {"tls-1k": "speaks no TLS", "tls-16k": "speaks no TLS"}
    note = "malloc storage, nothing written to its shared log; do_gzip for text"

    @classmethod
    def version(cls):
        return first_line("varnishd", "-V").split("(")[1].split(" revision")[0]

    def command(self):
        vcl = self.write("bench.vcl", f"""vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{self.run.origin_port}"; }}
sub vcl_recv {{ if (req.url ~ "^/pass/") {{ return (pass); }} return (hash); }}
sub vcl_backend_response {{ set beresp.grace = 0s; set beresp.keep = 0s; if (beresp.http.content-type ~ "text/") {{ set beresp.do_gzip = true; }} }}
""")
        return ["varnishd", "-F", "-n", os.path.join(self.folder, "run"), "-a", f"127.0.0.1:{self.port}", "-a", f"127.0.0.1:{self.h2_port}", "-p", "feature=+http2", "-f", vcl,
                "-p", "gzip_level=9", "-s", f"malloc,{self.store_mib}m", "-T", "none", "-p", "vsl_mask=" + ",".join("-" + tag for tag in VARNISH_LOG), "-p", "thread_pools=1",
                "-p", "thread_pool_min=200", "-p", "thread_pool_max=2000", "-p", "timeout_idle=600", "-p", "listen_depth=4096"]

    def said_hit(self, status, fields):
        return len(fields.get("x-varnish", "").split()) == 2


class TrafficServer(Server):
    program = "traffic_server"
    name = "ATS"
    cannot = {"h2-1k": "speaks HTTP/2 over TLS alone", "h2-16k": "speaks HTTP/2 over TLS alone"}
    note = "RAM cache of 1 GiB before a cache file on tmpfs; its compress plugin for text, compressed answers cached"

    @classmethod
    def version(cls):
        return " ".join(first_line("traffic_server", "-V").split(" - ")[0:3:2])

    def command(self):
        folders = {name: os.path.join(self.folder, name) for name in ("etc", "run", "log", "cache")}
        for folder in folders.values():
            os.makedirs(folder)
        for name in ("ip_allow.yaml", "logging.yaml", "sni.yaml", "strategies.yaml"):
            shutil.copy(os.path.join("/etc/trafficserver", name), folders["etc"])
        self.write("etc/ssl_multicert.config", f"dest_ip=* ssl_cert_name={self.run.certificate}\n")
        for name in ("plugin", "hosting", "volume", "cache", "parent", "socks", "splitdns"):
            self.write(f"etc/{name}.config", "")
        coding = self.write("etc/compress.config", "cache true\nremove-accept-encoding true\ncompressible-content-type text/*\nsupported-algorithms br,gzip\n")
        self.write("etc/remap.config", f"map /css/ http://127.0.0.1:{self.run.origin_port}/css/ @plugin=compress.so @pparam={coding}\n"
                                       f"map / http://127.0.0.1:{self.run.origin_port}/\n")
        self.write("etc/storage.config", f"{folders['cache']} {2 * self.store_mib}M\n")
        self.write("etc/records.config", "".join(f"CONFIG proxy.config.{line}\n" for line in (
            f"http.server_ports STRING {self.port}:ip-in=127.0.0.1 {self.tls_port}:ssl:ip-in=127.0.0.1:proto=http",
            "exec_thread.autoconfig INT 0", f"exec_thread.limit INT {self.workers}", "accept_threads INT 0",
            "task_threads INT 1", "cache.threads_per_disk INT 1", "log.logging_enabled INT 0",
            f"cache.ram_cache.size INT {self.store_mib << 20}", "cache.ram_cache_cutoff INT 4194304",
            "cache.ram_cache.algorithm INT 1", "cache.ram_cache.use_seen_filter INT 0", "http.cache.http INT 1", "http.keep_alive_no_activity_timeout_in INT 600",
            "http.insert_response_via_str INT 0", "http.insert_request_via_str INT 0", "http.response_server_enabled INT 0",
            "admin.user_id STRING trafficserver", "crash_log_helper STRING NULL", "url_remap.pristine_host_hdr INT 1", "net.connections_throttle INT 30000",
            "net.max_connections_in INT 30000", "net.listen_backlog INT 4096")))
        self.write("runroot.yaml", f"""prefix: {self.folder}
exec_prefix: {self.folder}
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: {folders['etc']}
datadir: {folders['etc']}
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {folders['run']}
runtimedir: {folders['run']}
logdir: {folders['log']}
cachedir: {folders['cache']}
""")
        owner = pwd.getpwnam("trafficserver")
        for folder, _, names in os.walk(self.folder):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        return ["traffic_server", f"--run-root={self.folder}/runroot.yaml"]

    def said_hit(self, status, fields):
        return "age" in fields or (None if status == 304 else False)      # its 304s have no Age


class H2o(Server):
    program = "h2o"
    name = "h2o"
    note = "static files on tmpfs, compressed before: it has no HTTP cache"
    cannot = {"miss": "has no HTTP cache", "object": "has no HTTP cache"}

    @classmethod
    def version(cls):
        return first_line("h2o", "-v")

    def command(self):
        files = os.path.join(self.folder, "files")
        os.makedirs(files)
        self.run.write_files(files)
        return ["h2o", "-c", self.write("h2o.conf", f"""
num-threads: {self.workers}
listen: {{ host: 127.0.0.1, port: {self.port} }}
listen: {{ host: 127.0.0.1, port: {self.h2_port} }}
listen: {{ host: 127.0.0.1, port: {self.tls_port}, ssl: {{ certificate-file: {self.run.certificate}, key-file: {self.run.certificate}, minimum-version: TLSv1.3 }} }}
http1-request-timeout: 600
max-connections: 20000
file.send-compressed: ON
hosts:
  default:
    paths:
      /: {{ file.dir: {files} }}
      /pass: {{ proxy.reverse.url: "http://127.0.0.1:{self.run.origin_port}/pass", proxy.timeout.keepalive: 600000 }}
""")]


ALL = [Floor, Davenport, Nginx, NginxNopushOff, Haproxy, Varnish, TrafficServer, H2o]
