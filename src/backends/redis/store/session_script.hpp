#pragma once

// The two steps by which Redis keeps the positions of sessions: a hash for each user, whose field
// of a session has when it was saved, by which connection, and the value.

#include "backends/redis/store/names.hpp"
#include "history/store.hpp"

#include <span>
#include <string>
#include <vector>

namespace crier::redis {

/// Saves positions of those that hold their session or take it over, the later ones of a user's
/// over the earlier, drops what is too old or too much of each user that it touches, and answers
/// OK. A key that is something else is left alone, and loses its positions. Any other error is
/// answered.
std::string save_script();
/// The value, or nothing if none is kept.
std::string load_script();

/// So many positions leave as one call, at most.
constexpr std::size_t saved_a_call_max = 64;

/// What follows `EVALSHA sha`, as in script.hpp.
std::vector<std::string> save_arguments(const Names& names, const history::Retention& retention,
                                        std::span<const history::SessionPosition> positions);
std::vector<std::string> take_over_arguments(const Names& names,
                                             const history::Retention& retention,
                                             const history::SessionPosition& position);
std::vector<std::string> load_arguments(const Names& names, const history::Retention& retention,
                                        const std::string& user, const std::string& session);

}  // namespace crier::redis
