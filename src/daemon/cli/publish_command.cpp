// The command `crier publish`.

#include "base/encoding.hpp"
#include "base/json_text.hpp"
#include "crier/json.hpp"
#include "daemon/cli/arguments.hpp"
#include "daemon/cli/http_post.hpp"
#include "daemon/cli/terminal.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <istream>
#include <iterator>
#include <memory>
#include <ostream>

namespace crier::daemon {
namespace {

constexpr std::chrono::seconds timeout(10);

struct Arguments {
  std::string program;
  std::string event;
  std::string request;
  std::string data;
  std::string user = "crier";
  std::string name = "crier";
  std::string url = "http://127.0.0.1:3000";
  std::string idempotency_key;
};

std::string string_argument(const std::string& name, const std::string& text) {
  auto json = Json::string(text);
  if (!json) throw CLI::ValidationError(name, json.error().message);
  return std::string(json->text());
}

std::string data_argument(const Arguments& arguments, const Terminal& terminal) {
  std::string text = arguments.data;
  if (text == "-") text.assign(std::istreambuf_iterator<char>(terminal.in), {});
  const auto json = Json::parse(std::move(text));
  if (!json) throw CLI::ValidationError("--data", json.error().message);
  return std::string(json->text());
}

std::string body_text(const Arguments& arguments, const Terminal& terminal) {
  return R"({"event":)" + string_argument("EVENT", arguments.event) + R"(,"requestId":)" +
         string_argument("--request", arguments.request) + R"(,"data":)" +
         data_argument(arguments, terminal) + R"(,"performedBy":{"userId":)" +
         string_argument("--user", arguments.user) + R"(,"name":)" +
         string_argument("--name", arguments.name) + "}}";
}

/// What the gateway takes; also, nothing that could end a header.
std::string check_idempotency_key(const std::string& key) {
  const bool visible =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
  return visible && !key.empty() && key.size() <= 255
             ? ""
             : "1 to 255 visible ASCII characters expected";
}

std::string text_member(const std::string& object, std::string_view name) {
  const auto value = json::member(object, name);
  return value ? json::unquote(*value).value_or("") : "";
}

int report_refusal(const HttpAnswer& answer, const Terminal& terminal) {
  std::string message = std::to_string(answer.status);
  const std::string object = json::is_valid(answer.body) ? answer.body : "{}";
  if (const auto code = text_member(object, "code"); !code.empty()) message += " " + code;
  if (const auto text = text_member(object, "message"); !text.empty()) message += ": " + text;
  if (const auto path = text_member(object, "path"); !path.empty()) message += " (" + path + ")";
  return fail(terminal, message);
}

/// The id that subscribers see; `-` if the event was only delivered, not kept.
int report_success(const HttpAnswer& answer, const Terminal& terminal) {
  const bool valid = is_utf8(answer.body) && json::is_valid(answer.body);
  const auto id = valid ? json::member(answer.body, "id") : std::nullopt;
  if (!id) return fail(terminal, "the answer has no id");
  terminal.out << (*id == "null" ? "-" : json::unquote(*id).value_or("")) << "\n";
  return printed(terminal);
}

int publish(const Arguments& arguments, const Terminal& terminal) {
  const auto url = parse_url(arguments.url);
  if (!url) throw CLI::ValidationError("--url", "http://HOST[:PORT][/PATH] is expected");
  const std::string body = body_text(arguments, terminal);
  const auto key = terminal.environment("CRIER_API_KEY");
  if (!key || key->empty()) {
    return fail(terminal, "the environment variable CRIER_API_KEY must hold the key of the API");
  }
  if (std::any_of(key->begin(), key->end(), [](unsigned char c) { return c < 0x20; })) {
    return fail(terminal, "CRIER_API_KEY must not hold control characters");
  }
  std::vector<std::pair<std::string, std::string>> headers{{"Authorization", "Bearer " + *key}};
  if (!arguments.idempotency_key.empty()) {
    headers.emplace_back("Idempotency-Key", arguments.idempotency_key);
  }
  const auto answer =
      http_post(*url, "/api/v1/programs/" + percent_encode(arguments.program) + "/events", headers,
                body, timeout);
  if (!answer) return fail(terminal, answer.error());
  if (answer->status / 100 != 2) return report_refusal(*answer, terminal);
  return report_success(*answer, terminal);
}

}  // namespace

void add_publish_command(CLI::App& app, int& exit_code, const Terminal& terminal) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* const command = app.add_subcommand(
      "publish", "Publish an event and print its id; the key comes from CRIER_API_KEY");
  command->add_option("PROGRAM", arguments->program, "The program's id")->required();
  command->add_option("EVENT", arguments->event, "Such as request:created")->required();
  command->add_option("--request", arguments->request, "requestId of the event")->required();
  command->add_option("--data", arguments->data, "JSON object; - for standard input")->required();
  command->add_option("--user", arguments->user, "performedBy.userId")->capture_default_str();
  command->add_option("--name", arguments->name, "performedBy.name")->capture_default_str();
  command
      ->add_option("--idempotency-key", arguments->idempotency_key,
                   "Publishing again with the same key and event publishes nothing again")
      ->check(check_idempotency_key);
  command->add_option("--url", arguments->url, "Where the gateway listens")->capture_default_str();
  command->callback(
      [arguments, terminal, &exit_code] { exit_code = publish(*arguments, terminal); });
}

}  // namespace crier::daemon
