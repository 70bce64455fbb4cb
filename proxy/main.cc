// proxy/main.cc: the command line of `davenport`.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "proxy/cli.h"

namespace {

using namespace davenport;

constexpr int kUsage = 2;            // exit status for a command line that can't be understood

void add_admin_options(CLI::App& command, cli::AdminAccess& admin) {
  command.add_option("--admin", admin.url, "where the admin API listens: http://host:port, https://host:port or unix:/path")
      ->type_name("URL")
      ->capture_default_str()
      ->envname("DAVENPORT_ADMIN");
  command.add_option("--token-file", admin.token_file, "file with the admin token (else $DAVENPORT_ADMIN_TOKEN, if set)")
      ->type_name("FILE");
  command.add_option("--ca", admin.ca, "authorities (PEM) that https is trusted by, instead of the system's")->type_name("FILE");
  CLI::Option* const certificate = command.add_option("--cert", admin.certificate, "certificate (PEM) to show, for admin.tls.client_ca")->type_name("FILE");
  command.add_option("--key", admin.key, "its key, if it is not in the same file")->type_name("FILE")->needs(certificate);
}

// FILE, or --config FILE, for scripts that like names better.
void add_file(CLI::App& command, std::string& file) {
  CLI::Option* const positional = command.add_option("FILE", file, "the configuration")->type_name("")->capture_default_str();
  command.add_option("-c,--config", file, "the same, by name")->type_name("FILE")->excludes(positional);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Davenport, a caching reverse proxy.\n\n"
      "  davenport init http://127.0.0.1:3000      a first davenport.toml for an application that runs there\n"
      "  davenport audit https://shop.example/     what of this page is not cacheable, not compressed, badly labelled?\n"
      "  davenport check davenport.toml            is the file right? every mistake with its line\n"
      "  davenport run davenport.toml              serve, until SIGTERM\n"
      "  davenport explain http://shop.test/milk   why is this page (not) served from the cache?\n"
      "  davenport purge --url http://shop.test/milk --url http://shop.test/\n"
      "  davenport purge --tag dairy --soft        stale rather than gone: visitors are served meanwhile\n"
      "  davenport purge --prefix http://shop.test/img/\n"
      "  davenport warm --from http://shop.test/sitemap.xml    ask for its pages before visitors do\n"
      "\n"
      "Signals of a running proxy: SIGHUP takes the changed file (a wrong one is refused, and the log says why),\n"
      "SIGUSR1 opens the logs again after a rotation, SIGTERM and SIGINT finish what is under way and end;\n"
      "a second SIGINT ends at once.",
      "davenport");
  app.require_subcommand(1);
  app.set_version_flag("--version", "davenport " DAVENPORT_VERSION);

  std::string file = cli::kDefaultFile;
  CLI::App* const run = app.add_subcommand("run", "Run the proxy in the foreground; it logs to standard error.");
  add_file(*run, file);

  bool print = false;
  CLI::App* const check = app.add_subcommand("check", "Say everything that is wrong with a configuration; exit 1 if anything is.");
  add_file(*check, file);
  check->add_flag("--print", print, "print the whole configuration, defaults filled in");

  cli::AdminAccess admin;
  cli::PurgeOptions purging;
  CLI::App* const purge = app.add_subcommand(
      "purge", "Take responses out of the cache of a running proxy. Nothing that was hit is served once this returns.");
  purge->footer(
      "  davenport purge --url http://shop.test/milk       one page: all its variants, whatever scheme and port\n"
      "  davenport purge --tag dairy --tag cheese          all that the origin tagged (Surrogate-Key, Cache-Tag)\n"
      "  davenport purge --prefix http://shop.test/img/    all below a path\n"
      "  davenport purge --all --soft                      everything is stale, and served while it is fetched anew\n\n"
      "Exits with 3 where a fleet has recorded it and not every instance or replica has confirmed it in time: standard error\n"
      "says which.");
  add_admin_options(*purge, admin);
  CLI::Option_group* const what = purge->add_option_group("what", "what to purge: one of these");
  what->add_option("--url", purging.urls, "one or more URLs")->type_name("URL");
  what->add_option("--tag", purging.tags, "one or more tags")->type_name("TAG");
  what->add_option("--prefix", purging.prefix, "the beginning of URLs")->type_name("URL");
  what->add_flag("--all", purging.all, "everything");
  what->require_option(1);
  purge->add_flag("--soft", purging.soft, "make stale instead of taking out");
  purge->add_flag("--no-count", purging.no_count, "do not wait for the number of responses that were hit");
  purge->add_flag("--wait-all", purging.wait_all, "in a fleet: wait until every live instance has confirmed it");
  purge->add_option("--id", purging.id, "the same id again purges nothing anew")->type_name("ID");
  purge->add_flag("--json", purging.json, "print the answer as it came");

  cli::ExplainOptions explaining;
  CLI::App* const explain = app.add_subcommand(
      "explain", "Say what is stored for a URL, and what a request for it would get now.");
  explain->footer(
      "  davenport explain http://shop.test/milk --field 'Accept-Encoding: gzip' --field 'Cookie: theme=dark'");
  explain->add_option("URL", explaining.url, "as a client would ask for it")->required()->type_name("");
  add_admin_options(*explain, admin);
  explain->add_option("--field", explaining.fields, "a field of the request; may be repeated")->type_name("'Name: value'")->allow_extra_args(false);
  explain->add_option("--method", explaining.method, "of the request")->type_name("METHOD");
  explain->add_flag("--json", explaining.json, "print JSON instead of text");

  cli::WarmOptions warming;
  CLI::App* const warm = app.add_subcommand("warm", "Ask a proxy for pages, so that they are in its cache before visitors come.");
  warm->footer(
      "  davenport warm --from https://shop.test/sitemap.xml --rate 50 --variants gzip,br\n"
      "  davenport warm --from urls.txt --proxy http://127.0.0.1:8080\n"
      "  davenport warm --feed products.json --template '/product/{id}' --base http://shop.test --proxy http://127.0.0.1:8080\n\n"
      "A source is a list of URLs or a sitemap (an index of sitemaps and gzip too): a file, a URL, or - for standard input.\n"
      "Says what was fetched, was warm already, may not be stored, and failed (no answer, or a status of 400 and above);\n"
      "exits with 1 where something failed.");
  warm->add_option("--from", warming.from, "where the URLs are: FILE, URL or -; may be repeated")->type_name("SOURCE")->allow_extra_args(false);
  CLI::Option* const feed = warm->add_option("--feed", warming.feed, "a JSON feed of products: FILE or URL")->type_name("SOURCE");
  CLI::Option* const shape = warm->add_option("--template", warming.feed_template, "the URL or path of a product: {id} is its member id")->type_name("URL");
  feed->needs(shape);
  shape->needs(feed);
  warm->add_option("--base", warming.base, "what paths in files start from: http://host")->type_name("URL");
  warm->add_option("--proxy", warming.proxy, "whom to ask, instead of the URLs' own hosts: http://127.0.0.1:8080")->type_name("URL");
  warm->add_option("--ca", warming.ca, "authorities for https (PEM), instead of the system's")->type_name("FILE");
  warm->add_option("--rate", warming.rate, "requests a second at most; 0: no limit")->capture_default_str()->check(CLI::NonNegativeNumber);
  warm->add_option("--concurrency", warming.concurrency, "requests at a time")->capture_default_str()->check(CLI::Range(1, 1000));
  warm->add_option("--variants", warming.variants, "content codings, each asked for: gzip, br, zstd")->delimiter(',')
      ->check(CLI::IsMember({"gzip", "br", "zstd"}));
  warm->add_flag("--quiet", warming.quiet, "no progress, only the end");

  cli::AuditOptions auditing;
  CLI::App* const audit = app.add_subcommand("audit", "Look at a page and what it loads: what is not cacheable, not compressed, badly labelled.");
  audit->footer(
      "  davenport audit https://shop.example/\n\n"
      "Asks for the page, its style sheets, scripts, pictures and fonts, once each, as a browser would (no script is run), and judges\n"
      "them as Davenport's defaults would. Works on any server, with Davenport before it or without.");
  audit->add_option("URL", auditing.url, "the page")->required()->type_name("");
  audit->add_option("--assets", auditing.assets, "at most so many of what it loads")->capture_default_str()->check(CLI::Range(0, 10'000));
  std::uint32_t audit_seconds = 60;
  audit->add_option("--time", audit_seconds, "seconds after which no more is asked")->capture_default_str()->check(CLI::Range(1, 3600));
  audit->add_option("--ca", auditing.ca, "authorities (PEM) that https is trusted by, instead of the system's")->type_name("FILE");
  audit->add_flag("--insecure", auditing.insecure, "take any certificate");

  cli::InitOptions looking;
  CLI::App* const init = app.add_subcommand("init", "Look at a running application and print a configuration for it.");
  init->footer(
      "  davenport init http://127.0.0.1:3000 > davenport.toml\n\n"
      "Asks for some of its pages and files, each three times: twice as a new visitor and once as one who comes back. Prints what\n"
      "it saw, what is safe to cache, and as comments what it did not dare to decide. It only reads (GET), and follows no link\n"
      "to another host.");
  init->add_option("URL", looking.url, "where the application answers")->required()->type_name("");
  init->add_option("--pages", looking.pages, "at most so many pages")->capture_default_str()->check(CLI::Range(1, 1000));
  init->add_option("--assets", looking.assets, "at most so many pictures, styles and scripts")->capture_default_str()->check(CLI::Range(0, 1000));
  std::uint32_t init_seconds = 60;
  init->add_option("--time", init_seconds, "seconds after which no more is asked")->capture_default_str()->check(CLI::Range(1, 3600));

  CLI::App* const version = app.add_subcommand("version", "Print the version.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty()) {
      std::fprintf(stderr, "There is no command \"%s\": davenport --help lists them.\n", argv[1]);
      return kUsage;
    }
    // A name that is not known is said before what is missing without it.
    const std::vector<std::string> unknown = app.remaining(true);
    const auto option = std::find_if(unknown.begin(), unknown.end(), [](const std::string& word) { return word.size() > 1 && word[0] == '-'; });
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) && option != unknown.end()) {
      std::fprintf(stderr, "There is no option \"%s\": --help, also after a command, lists them.\n", option->c_str());
      return kUsage;
    }
    if (argc == 1) {
      std::fputs(app.help().c_str(), stderr);
      return kUsage;
    }
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (run->parsed()) return cli::run(file);
  if (check->parsed()) return cli::check(file, print);
  if (purge->parsed()) return cli::purge(admin, purging);
  if (explain->parsed()) return cli::explain(admin, explaining);
  if (warm->parsed()) {
    if (warming.from.empty() && warming.feed.empty()) {
      std::fputs("warm wants a source: --from or --feed\n", stderr);
      return kUsage;
    }
    return cli::warm(warming);
  }
  if (audit->parsed()) {
    auditing.time = std::chrono::seconds(audit_seconds);
    return cli::audit(auditing);
  }
  if (init->parsed()) {
    looking.time = std::chrono::seconds(init_seconds);
    return cli::init(looking);
  }
  if (version->parsed()) std::puts("davenport " DAVENPORT_VERSION);
  return 0;
}
