#include "bench.hpp"
#include "process.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>

namespace load {

namespace {

void complain(const std::string& sentence) {
  std::fprintf(stderr, "crier-load: %s\n", sentence.c_str());
}

/// Room for all descriptors; what is wrong, or nothing.
std::string make_room(const Options& options) {
  const std::size_t each = options.transport == Transport::polling ? 2 : 1;
  const std::uint64_t wanted =
      options.clients * each +
      options.publish_urls.size() * std::max(options.publishers, options.window) + 128;
  std::uint64_t limit = 0;
  if (allow_files(wanted, limit)) return "";
  return std::to_string(options.clients) + " clients need " + std::to_string(wanted) +
         " open files, and the hard limit is " + std::to_string(limit) +
         ": raise it first, with `ulimit -Hn` as root or LimitNOFILE of a service";
}

/// Whether what is published has its time where deliveries look for it.
bool is_stamped(std::string body) {
  std::erase_if(body, [](char c) { return c == ' ' || c == '\n'; });
  return body.find(R"("now":"{now}")") != std::string::npos;
}

std::string run(Bench& bench) {
  switch (bench.options.command) {
    case Command::idle:
      return run_idle(bench);
    case Command::fanout:
      return run_fanout(bench);
    case Command::echo:
      return run_echo(bench);
    case Command::publish:
      return run_publish(bench);
    case Command::connect:
      return run_connect(bench);
    case Command::recover:
      return run_recover(bench);
  }
  return "";
}

bool write(const std::string& file, const std::string& text) {
  if (file.empty()) return true;
  if (file == "-") return std::printf("%s\n", text.c_str()) > 0;
  std::ofstream stream(file);
  stream << text << '\n';
  stream.close();
  if (!stream) complain("cannot write " + file);
  return static_cast<bool>(stream);
}

int run(const Options& options) {
  std::string problem = make_room(options);
  if (problem.empty() && options.core && !pin(*options.core)) {
    problem = "--core: cannot run on core " + std::to_string(*options.core);
  }
  Loop loop(options.spin);
  Errors errors;
  const bool stamped = is_stamped(options.publish_body);
  const auto deliveries = std::make_unique<Deliveries>(stamped);
  Crowd crowd(options, loop, *deliveries, errors);
  Publishers publishers(loop, errors);
  Figures figures;
  figures.command = options.command_name;
  figures.url = options.url_text;
  figures.clients = options.clients;
  figures.transport = options.transport == Transport::polling ? "polling" : "websocket";
  std::uint64_t happened = 0;
  Watch watch(
      options, loop, figures, [&] { return deliveries->count + happened; },
      [&] { return crowd.listening(); });
  Bench bench{options, loop, errors, *deliveries, crowd, publishers, figures, watch, happened};
  if (problem.empty() && crowd.set_up(problem)) problem = run(bench);
  if (!problem.empty()) {
    complain(problem);
    return 1;
  }
  if (options.rate) {
    figures.rate = options.rate;
  } else if (options.command == Command::fanout || options.command == Command::echo) {
    figures.window = options.window;
  }
  figures.errors = errors;
  figures.disconnects = crowd.disconnects;
  if (options.json != "-") std::printf("%s", to_text(figures).c_str());
  const bool written = write(options.json, to_json(figures)) &&
                       (options.html.empty() || write(options.html, to_html(figures)));
  return written ? 0 : 1;
}

}  // namespace

}  // namespace load

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL.
  const load::Parsed parsed = load::parse_options({arguments + 1, arguments + count});
  if (parsed.verdict == load::Parsed::Verdict::run) return load::run(parsed.options);
  const bool help = parsed.verdict == load::Parsed::Verdict::help;
  if (help) std::printf("%s", parsed.text.c_str());
  if (!help) load::complain(parsed.text);
  return help ? 0 : 2;
}
