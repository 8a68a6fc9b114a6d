#include "commands.hpp"

#include <algorithm>
#include <dirent.h>
#include <fstream>
#include <iomanip>
#include <sstream>

namespace storm {

namespace {

constexpr double patience = 120;  ///< Seconds.
constexpr double warm_up = 0.5;
constexpr std::size_t connections =
    16;  ///< To publish over: one carries one request after the other.

/// On a CPU so far, over all threads of a process: the first number of each schedstat.
std::int64_t cpu_nanoseconds(int process) {
  const std::string folder = "/proc/" + std::to_string(process) + "/task";
  std::int64_t sum = 0;
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) fail(folder);
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    std::ifstream file(folder + "/" + entry->d_name + "/schedstat");
    std::int64_t spent = 0;
    if (file >> spent) sum += spent;
  }
  ::closedir(directory);
  return sum;
}

/// `{"name":value,…}`; numbers with nine significant digits.
class Object {
 public:
  Object& add(std::string_view name, double value) {
    text_ << separator_ << '"' << name << "\":" << std::setprecision(9) << value;
    separator_ = ",";
    return *this;
  }
  Object& raw(std::string_view name, std::string_view json) {
    text_ << separator_ << '"' << name << "\":" << json;
    separator_ = ",";
    return *this;
  }
  [[nodiscard]] std::string text() const { return text_.str() + "}"; }

 private:
  std::ostringstream text_{"{", std::ios::ate};
  const char* separator_ = "";
};

/// p50, p99 and the most of durations, in ms.
void percentiles(Object& object, std::vector<std::int64_t>& durations) {
  if (durations.empty()) return;
  std::sort(durations.begin(), durations.end());
  const auto at = [&](double share) {
    return static_cast<double>(durations[static_cast<std::size_t>(
               share * static_cast<double>(durations.size() - 1))]) /
           1e6;
  };
  object.add("p50", at(0.5)).add("p99", at(0.99)).add("most", at(1));
}

}  // namespace

/// Time and the server's CPU time since it was made.
struct Commands::Spent {
  explicit Spent(int process) : server(process) {}
  [[nodiscard]] double seconds() const { return static_cast<double>(nanoseconds() - from) / 1e9; }
  [[nodiscard]] double cpu_microseconds() const {
    return static_cast<double>(cpu_nanoseconds(server) - cpu) / 1e3;
  }
  int server;
  std::int64_t from = nanoseconds();
  std::int64_t cpu = cpu_nanoseconds(server);
};

Commands::Commands(Loop& loop, std::uint16_t port, int server, const std::string& key,
                   const std::string& clients)
    : loop_(loop),
      server_(server),
      shared_{loop, port, [](Client&) {}, [](Client&) {}, {}, false},
      publishers_(connections) {
  for (auto& publisher : publishers_) publisher = std::make_unique<Publisher>(loop, port, key);
  std::ifstream file(clients);
  std::uint32_t programs = 0;
  std::string token;
  while (file >> programs >> token) {
    clients_.push_back(std::make_unique<Client>(shared_, token, programs));
  }
  if (clients_.empty()) fail(clients);
}

std::string Commands::execute(const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  double a = 0;
  double b = 0;
  double c = 0;
  double d = 0;
  words >> a >> b >> c >> d;
  const auto index = std::min(static_cast<std::size_t>(a), clients_.size() - 1);
  if (command == "fill") {
    return fill(static_cast<std::uint64_t>(a), static_cast<std::uint32_t>(b),
                static_cast<std::size_t>(c), static_cast<std::uint32_t>(d));
  }
  if (command == "connect")
    return connect(static_cast<std::uint32_t>(a), static_cast<std::size_t>(b));
  if (command == "loop") return loop(a, static_cast<std::uint32_t>(b), static_cast<std::size_t>(c));
  if (command == "rate") return rate(a, static_cast<std::uint64_t>(b), static_cast<std::size_t>(c));
  if (command == "cut") return cut();
  if (command == "stall" || command == "resume") {
    clients_[index]->read(command == "resume");
    return "{}";
  }
  if (command == "return") {
    clients_[index]->cut();
    clients_[index]->start(0);
    loop_.run([&] { return clients_[index]->complete || !clients_[index]->open; }, patience);
    loop_.run([] { return false; }, 0.5);
    return report(index);
  }
  if (command == "wait") {
    loop_.run([] { return false; }, a);
    return "{}";
  }
  return command == "report" ? report(index) : "";
}

/// `count` events to `programs` of them from `p<from>` on, one after the other, as fast as they are
/// accepted.
std::string Commands::fill(std::uint64_t count, std::uint32_t programs, std::size_t bytes,
                           std::uint32_t from) {
  constexpr std::uint64_t under_way = 256;
  const Spent spent(server_);
  const std::uint64_t first = published_;
  const std::uint64_t before = accepted();
  loop_.run(
      [&] {
        const std::uint64_t answered = accepted() - before;
        while (published_ - first < count && published_ - first - answered < under_way) {
          publish("p" + std::to_string(from + (published_ - first) % programs), bytes, false);
        }
        flush();
        return answered == count;
      },
      patience * 5, true);
  return Object()
      .add("accepted", static_cast<double>(accepted() - before))
      .add("seconds", spent.seconds())
      .add("cpu", spent.cpu_microseconds())
      .text();
}

void Commands::publish(std::string_view program, std::size_t bytes, bool timed) {
  ++published_;
  publishers_[published_ % connections]->publish(program, published_, bytes, timed);
}

void Commands::flush() {
  for (const auto& publisher : publishers_) publisher->flush();
}

std::uint64_t Commands::accepted() const {
  std::uint64_t sum = 0;
  for (const auto& publisher : publishers_) sum += publisher->accepted;
  return sum;
}

/// All clients that are away, `under_way` at a time; they stay. Each is owed `rounds` of each of
/// its programs.
std::string Commands::connect(std::uint32_t rounds, std::size_t under_way) {
  std::vector<Client*> away;
  for (const auto& client : clients_) {
    if (!client->open) away.push_back(client.get());
  }
  const std::size_t count = away.size();
  std::reverse(away.begin(), away.end());
  std::vector<std::int64_t> durations;
  std::size_t started = 0;
  std::size_t recovered = 0;
  std::size_t failed = 0;
  shared_.complete = [&](Client& client) {
    durations.push_back(nanoseconds() - client.started);
    recovered += client.recovered ? 1 : 0;
  };
  shared_.closed = [&](Client& client) {
    ++failed;
    --started;
    away.insert(away.begin(), &client);
  };
  const Spent spent(server_);
  loop_.run(
      [&] {
        for (; started - durations.size() < under_way && !away.empty(); ++started) {
          Client& client = *away.back();
          away.pop_back();
          client.start(rounds * client.programs);
        }
        return durations.size() == count || failed > count;
      },
      patience, true);
  shared_.complete = shared_.closed = [](Client&) {};
  Object answer;
  answer.add("clients", static_cast<double>(count))
      .add("connected", static_cast<double>(durations.size()))
      .add("recovered", static_cast<double>(recovered))
      .add("failed", static_cast<double>(failed))
      .add("seconds", spent.seconds())
      .add("cpu", spent.cpu_microseconds() / static_cast<double>(std::max<std::size_t>(count, 1)));
  percentiles(answer, durations);
  return answer.text();
}

/// Closed loop: whoever is complete is cut, and the next one comes back, for `seconds`. Cursors
/// stay where they are, so that everybody is owed `rounds` of each program each time.
std::string Commands::loop(double seconds, std::uint32_t rounds, std::size_t under_way) {
  std::vector<std::int64_t> durations;
  std::vector<Client*> done;
  std::size_t next = 0;
  std::size_t recovered = 0;
  std::size_t failed = 0;
  const auto start_one = [&] {
    while (clients_[next % clients_.size()]->open) ++next;
    Client& client = *clients_[next++ % clients_.size()];
    client.start(rounds * client.programs);
  };
  // A client is not cut while it reads its frames.
  shared_.complete = shared_.closed = [&](Client& client) { done.push_back(&client); };
  const auto turn = [&] {
    for (Client* client : done) {
      if (client->complete) durations.push_back(nanoseconds() - client->started);
      recovered += client->recovered && client->complete ? 1 : 0;
      failed += client->complete ? 0 : 1;
      client->cut();
      start_one();
    }
    done.clear();
    return false;
  };
  shared_.frozen = true;
  for (std::size_t i = 0; i < std::min(under_way, clients_.size() / 2); ++i) start_one();
  loop_.run(turn, warm_up, true);
  durations.clear();
  recovered = failed = 0;
  const Spent spent(server_);
  loop_.run(turn, seconds, true);
  const double took = spent.seconds();
  const double cpu = spent.cpu_microseconds();
  shared_.complete = shared_.closed = [](Client&) {};
  shared_.frozen = false;
  cut();
  const auto count = static_cast<double>(durations.size());
  Object answer;
  answer.add("recoveries", count)
      .add("recovered", static_cast<double>(recovered))
      .add("failed", static_cast<double>(failed))
      .add("rate", count / took)
      .add("busy", cpu / 1e6 / took)
      .add("cpu", cpu / std::max(count, 1.0));
  percentiles(answer, durations);
  return answer.text();
}

/// Open loop: `count` events to p0, `per_second`, whatever becomes of them; how long each took to
/// each client.
std::string Commands::rate(double per_second, std::uint64_t count, std::size_t bytes) {
  std::vector<std::int64_t> durations;
  shared_.arrived = [&](std::int64_t duration) { durations.push_back(duration); };
  const std::uint64_t first = published_;
  const std::uint64_t before = accepted();
  const Spent spent(server_);
  loop_.run(
      [&] {
        const auto due =
            std::min(count, static_cast<std::uint64_t>(spent.seconds() * per_second) + 1);
        while (published_ - first < due) publish("p0", bytes, true);
        flush();
        return accepted() - before == count;
      },
      patience, true);
  const double took = spent.seconds();
  const double cpu = spent.cpu_microseconds();
  loop_.run([] { return false; }, 0.3);
  shared_.arrived = {};
  Object answer;
  answer.add("published", static_cast<double>(accepted() - before))
      .add("seconds", took)
      .add("busy", cpu / 1e6 / took)
      .add("deliveries", static_cast<double>(durations.size()));
  percentiles(answer, durations);
  return answer.text();
}

std::string Commands::cut() {
  for (const auto& client : clients_) client->cut();
  return "{}";
}

std::string Commands::report(std::size_t index) {
  const Client& client = *clients_[index];
  return Object()
      .add("got", static_cast<double>(client.got))
      .add("total", static_cast<double>(client.total))
      .add("disorders", static_cast<double>(client.disorders))
      .add("published", static_cast<double>(accepted()))
      .raw("open", client.open ? "true" : "false")
      .raw("recovered", client.recovered ? "true" : "false")
      .raw("catchup", client.verdict.empty() ? "null" : client.verdict)
      .text();
}

}  // namespace storm
