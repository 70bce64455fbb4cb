// TLS in the configuration: certificates of listeners and of the admin interface, origins behind https.
#include <doctest/doctest.h>

#include "config/describe.h"
#include "config/loading.h"

using namespace davenport::config;
using namespace davenport::config::testing;

TEST_CASE("a listener with certificates speaks TLS; without them it is plain") {
  const ConfigPtr config = must_load(
      "[[listen]]\naddress = \"127.0.0.1:443\"\n"
      "tls.certificates = [{ certificate = \"/etc/a.pem\", key = \"/etc/a.key\", ocsp = \"/etc/a.ocsp\" }, "
      "{ certificate = \"/etc/b.pem\", key = \"/etc/b.key\" }]\ntls.min_version = \"1.3\"\n"
      "[[listen]]\naddress = \"127.0.0.1:80\"\nredirect_to_https = true\nhttps_port = 8443\n"
      "[origin.shop]\nservers = [\"127.0.0.1:3000\"]\n");
  const Listener& tls = config->listeners.at(0);
  CHECK(tls.tls.on());
  CHECK(tls.tls.certificates == std::vector<TlsCertificate>{{"/etc/a.pem", "/etc/a.key", "/etc/a.ocsp"}, {"/etc/b.pem", "/etc/b.key", ""}});
  CHECK(tls.tls.min_version == TlsVersion::v1_3);
  const Listener& plain = config->listeners.at(1);
  CHECK_FALSE(plain.tls.on());
  CHECK(plain.redirect_to_https);
  CHECK(plain.https_port == 8443);
}

TEST_CASE("servers written as https://… are spoken to over TLS, at 443 where no port is named") {
  struct Row { const char *written, *address; bool https; };
  for (const Row& row : {Row{"https://shop.internal", "shop.internal:443", true}, Row{"https://10.0.0.1:8443", "10.0.0.1:8443", true},
                         Row{"https://[::1]", "[::1]:443", true}, Row{"https://[::1]:8443/", "[::1]:8443", true},
                         Row{"10.0.0.1:80", "10.0.0.1:80", false}}) {
    CAPTURE(row.written);
    for (const char* form : {"[\"%\"]", "[{ address = \"%\" }]"}) {
      std::string list = form;
      list.replace(list.find('%'), 1, row.written);
      const ConfigPtr config = must_load("listen = [\"127.0.0.1:80\"]\n[origin.shop]\nservers = " + list + "\n");
      CHECK(config->origins.at(0).servers.at(0).address.text() == row.address);
      CHECK(config->origins.at(0).https() == row.https);
      CHECK(must_load(effective(*config))->origins.at(0).https() == row.https);
    }
  }
}

TEST_CASE("what can't be meant about TLS is refused") {
  const std::string listen = "listen = [\"127.0.0.1:8080\"]\n", origin = "[origin.shop]\nservers = [\"127.0.0.1:3000\"]\n";
  struct Row { std::string text; const char* part; };
  for (const Row& row : {
           Row{listen + "[origin.shop]\nservers = [\"https://a:1\", \"b:2\"]\n", "before all servers of an origin, or none"},
           Row{listen + "[origin.shop]\nservers = [\"ftp://a:1\"]\n", "without a scheme"},
           Row{listen + origin + "[admin]\naddress = \"0.0.0.0:9090\"\n", "admin.tls with client_ca"},
           Row{"[[listen]]\naddress = \"127.0.0.1:1\"\nredirect_to_https = true\n"
               "tls.certificates = [{ certificate = \"a\", key = \"b\" }]\n" + origin, "only one can be meant"},
           Row{"[[listen]]\naddress = \"127.0.0.1:1\"\ntls.certificates = [{ certificate = \"a\" }]\n" + origin, "expected key ="},
           Row{"[[listen]]\naddress = \"127.0.0.1:1\"\ntls.certificates = [\"a\"]\n" + origin, "expected a table"},
           Row{"[[listen]]\naddress = \"127.0.0.1:1\"\ntls.min_version = \"1.1\"\n" + origin, "\"1.2\""}}) {
    CAPTURE(row.text);
    CHECK(mentions(problems_of(row.text), row.part));
  }
  CHECK(problems_of(listen + origin + "[admin]\naddress = \"0.0.0.0:9090\"\ntls.client_ca = \"a\"\n"
                    "tls.certificates = [{ certificate = \"a\", key = \"b\" }]\n").empty());
}

TEST_CASE("an origin that is not verified, and TLS settings without https, are warned of") {
  const auto warned = [](const std::string& text, const char* part) {
    return mentions(must_load("listen = [\"127.0.0.1:8080\"]\n[origin.shop]\n" + text)->warnings, part);
  };
  CHECK(warned("servers = [\"https://a:1\"]\ntls.verify = false\n", "pose as the origin"));
  CHECK(warned("servers = [\"a:1\"]\ntls.verify = false\n", "has no effect"));
  CHECK(warned("servers = [\"https://a:1\"]\ntls.key = \"x\"\n", "without tls.certificate"));
  CHECK(warned("servers = [\"a:1\"]\n[admin.tls]\nclient_ca = \"x\"\n", "without admin.tls.certificates"));
}
