#pragma once

// The two steps by which Redis keeps the positions of sessions: a hash for each user, whose field
// of a session has when it was saved, by which connection, and the value.

#include "backends/redis/names.hpp"
#include "history/store.hpp"

#include <span>
#include <string>
#include <vector>

namespace crier::redis {

/// Saves positions of those that hold their session, the later ones of a user's over the earlier,
/// and drops what is too old or too much of each user that it touches. A key that is something else
/// loses its positions.
std::string save_script();
/// The value, or nothing if none is kept.
std::string load_script();

/// So many positions leave as one call, at most.
constexpr std::size_t saved_a_call_max = 64;

/// What follows `EVALSHA sha`, as in script.hpp.
std::vector<std::string> save_arguments(const Names& names, const history::Retention& retention,
                                        std::span<const history::SessionPosition> positions);
std::vector<std::string> load_arguments(const Names& names, const history::Retention& retention,
                                        const std::string& user, const std::string& session);

}  // namespace crier::redis
