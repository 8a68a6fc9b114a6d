// Lists the users of the demo page and signs their tokens.

#include "daemon/cli/demo_users.hpp"

#include "access/jwt.hpp"
#include "backends/sqlite/store.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <set>

namespace crier::daemon {

Result<std::string, std::string> users_json(const std::string& path) {
  auto store = sqlite::Store::open(path, sqlite::Store::Mode::open_existing);
  if (!store) return Unexpected{store.error()};
  const auto memberships = store.value()->memberships({}, {});
  if (!memberships) return Unexpected{memberships.error()};
  std::set<std::string> ids;
  for (const auto& membership : *memberships) ids.insert(membership.user);
  boost::json::array users;
  for (const auto& id : ids) {
    const auto user = store.value()->user(id);
    if (!user) return Unexpected{user.error()};
    if (!user.value()) continue;
    users.push_back({{"id", user.value()->id},
                     {"name", user.value()->name},
                     {"role", user.value()->role},
                     {"programs", boost::json::value_from(user.value()->programs)}});
  }
  return boost::json::serialize(users);
}

std::string token_for(const std::string& secret, const std::string& user) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  const boost::json::object claims{{"sub", user}, {"iat", now}, {"exp", now + 3600}};
  return access::sign_hs256(secret, boost::json::serialize(claims));
}

}  // namespace crier::daemon
