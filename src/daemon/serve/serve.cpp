// Runs the gateway of `crier serve` until a signal ends it.

#include "daemon/serve/serve.hpp"

#include "daemon/serve/logging.hpp"
#include "daemon/serve/open_files.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <pthread.h>
#include <sys/random.h>
#include <thread>

namespace crier::daemon {

namespace {

int fail(const std::string& sentence) {
  std::fprintf(stderr, "crier: %s\n", sentence.c_str());
  return 1;
}

std::string random_secret() {
  std::array<unsigned char, 32> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  std::string text;
  for (const unsigned char byte : bytes) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", byte);
    text += hex.data();
  }
  return text;
}

/// One thread takes the signals that mean something, all others block them: SIGTERM and SIGINT
/// stop, and SIGHUP has read again what can be.
class SignalThread {
 public:
  SignalThread(Gateway& gateway, bool tls, const LogSink& log) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this, &gateway, tls, &log] {
      int signal = 0;
      while (sigwait(&signals_, &signal) == 0 && !done_) {
        if (signal != SIGHUP) {
          gateway.stop();
        } else if (tls) {
          gateway.reload_certificate();
        } else {
          log(LogLevel::info, "SIGHUP: nothing to read again", {});
        }
      }
    });
  }
  ~SignalThread() {
    done_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

 private:
  sigset_t signals_{};
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

void prepare_dev(Settings& settings, const LogSink& log) {
  settings.gateway.http.address = "127.0.0.1";
  if (!settings.gateway.auth.secret.empty()) return;
  settings.gateway.auth.secret = random_secret();
  log(LogLevel::warning, "no JWT secret is set: made one for this run (--dev)", {});
}

/// Lets the process have as many connections as it may; while it has one thread.
OpenFiles prepare_open_files(std::uint32_t connections_max, const LogSink& log) {
  const OpenFiles files = raise_open_files();
  const std::uint64_t wanted = files_for(connections_max);
  grow_descriptor_table(std::min(wanted, files.limit));
  if (files.limit < wanted) {
    log(LogLevel::warning, "fewer files may be open than connections_max needs",
        {{"files", std::to_string(files.limit)},
         {"needed", std::to_string(wanted)},
         {"connections_max", std::to_string(connections_max)}});
  }
  return files;
}

/// Secrets come from files, and files end in a newline.
void warn_of_newline(const std::string& secret, const LogSink& log) {
  if (!secret.ends_with('\n') && !secret.ends_with('\r')) return;
  log(LogLevel::warning,
      "the JWT secret (JWT_ACCESS_SECRET, or [auth] secret) ends in a newline: tokens of an issuer "
      "whose secret does not are refused",
      {});
}

int run(Settings& settings, const LogSink& log,
        const std::function<DemoSources(const Settings&)>& demo_sources) {
  const OpenFiles files = prepare_open_files(settings.gateway.http.connections_max, log);
  Gateway gateway(settings.gateway, log);
  if (settings.dev) add_demo(gateway, demo_sources(settings));
  const auto listening = gateway.listen();
  if (!listening) return fail(listening.error().message);
  const bool tls = !settings.gateway.tls.certificate_file.empty();
  const SignalThread signals(gateway, tls, log);
  log(LogLevel::info, "serving",
      {{"address", settings.gateway.http.address},
       {"port", std::to_string(gateway.port())},
       {"tls", tls ? "yes" : "no"},
       {"history", settings.gateway.redis.url.empty() ? "memory" : "redis"},
       {"files", std::to_string(files.limit)},
       {"files_before", std::to_string(files.before)}});
  if (settings.dev) {
    std::printf("Demo page: %s://127.0.0.1:%u/\n", tls ? "https" : "http",
                static_cast<unsigned>(gateway.port()));
    std::fflush(stdout);
  }
  gateway.run();
  return 0;
}

}  // namespace

int serve(Settings settings, const std::function<DemoSources(const Settings&)>& demo_sources) {
  // A reader of the log that goes away must not end the gateway: lines are lost then, clients are
  // not.
  std::signal(SIGPIPE, SIG_IGN);
  const LogSink log = stderr_log(settings.log_level);
  if (settings.dev) prepare_dev(settings, log);
  if (settings.gateway.auth.secret.empty()) {
    return fail(
        "no JWT secret: set JWT_ACCESS_SECRET, or [auth] secret in the configuration "
        "(or use --dev to try things out).");
  }
  warn_of_newline(settings.gateway.auth.secret, log);
  try {
    return run(settings, log, demo_sources);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace crier::daemon
