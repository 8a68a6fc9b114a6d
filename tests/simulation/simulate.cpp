// simulate --seeds N [--first S]      runs N seeds; each must keep the promise
// simulate --seed S [--trace] [--faults 1,2,…]   runs one, and tells what happens
// With --without KIND no fault of that kind happens; may be given several times.
//
// A seed that fails is run again without ever more of its faults, and the command line of the
// smallest run that still fails is printed with what happens in it.

#include "cluster.hpp"

#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace crier::simulation;
using Faults = std::set<std::size_t>;

/// What a sound number of runs must have seen, or they prove nothing.
constexpr std::array must_happen = {
    "recovered",
    "verdict recovered",
    "verdict gap",
    "verdict reset",
    "verdict joined",
    "verdict left",
    "drop points",
    "polls repeated by browsers",
    "upgrades",
    "nodes killed",
    "gap markers",
    "events without a number",
    "publish answers lost",
    "socket ids taken over",
    "verdicts not heard",
    "repeats for a session",
};
constexpr std::uint64_t seeds_that_must_have_seen_it_all = 300;
/// Seldom, and then often: of many seeds only.
constexpr const char* must_happen_seldom = "repeats of a cursor's millisecond";
constexpr std::uint64_t many_seeds = 2000;

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t count = 0;
  std::optional<std::uint64_t> seed;
  std::optional<Faults> faults;
  std::set<std::string_view> without;  ///< Kinds of faults.
  bool trace = false;
  bool brief = false;  ///< No trace of a failure.
};

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Faults list(std::string_view text) {
  Faults faults;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    faults.insert(number(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return faults;
}

bool set(Arguments& arguments, std::string_view option, std::string_view value) {
  if (option == "--seeds") {
    arguments.count = number(value);
  } else if (option == "--first") {
    arguments.first = number(value);
  } else if (option == "--seed") {
    arguments.seed = number(value);
  } else if (option == "--without") {
    arguments.without.insert(value);
  } else if (option == "--faults") {
    arguments.faults = list(value);
  } else {
    return false;
  }
  return true;
}

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--trace") {
      arguments.trace = true;
    } else if (word == "--brief") {
      arguments.brief = true;
    } else if (i + 1 == count || !set(arguments, word, words[i + 1])) {
      return false;
    } else {
      ++i;
    }
  }
  return arguments.seed.has_value() || arguments.count > 0;
}

Faults all_of(const Plan& plan, const Arguments& arguments) {
  Faults faults;
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    if (!arguments.without.contains(to_string(plan.faults[i].kind))) faults.insert(i);
  }
  return faults;
}

Outcome run(const Plan& plan, const Faults& faults, bool trace) {
  Cluster cluster(plan, trace);
  return cluster.run(faults);
}

/// Leaves out one fault after the other for as long as the run still fails.
Faults shrink(const Plan& plan, Faults faults) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (const std::size_t fault : Faults(faults)) {
      Faults fewer = faults;
      fewer.erase(fault);
      if (!run(plan, fewer, false).violation) continue;
      faults = std::move(fewer);
      smaller = true;
    }
  }
  return faults;
}

void report(const Plan& plan, const Faults& faults, const std::string& violation, bool brief) {
  std::printf("seed %" PRIu64 " fails: %s\n", plan.seed, violation.c_str());
  if (brief) return;
  const Faults fewest = shrink(plan, faults);
  std::string places;
  for (const std::size_t fault : fewest) {
    places += (places.empty() ? "" : ",") + std::to_string(fault);
  }
  const std::string command =
      "simulate --seed " + std::to_string(plan.seed) + " --faults \"" + places + "\" --trace";
  std::printf("%s\n", command.c_str());
  const Outcome outcome = run(plan, fewest, true);
  std::printf("seed %" PRIu64 " fails: %s\nagain with: %s\n", plan.seed,
              outcome.violation.value_or("no more").c_str(), command.c_str());
}

void print(const Counts& counts) {
  for (const auto& [what, count] : counts.of) {
    std::printf("%10" PRIu64 "  %s\n", count, what.c_str());
  }
}

bool run_one(const Arguments& arguments) {
  const Plan plan = crier::simulation::plan(*arguments.seed);
  const Faults faults = arguments.faults.value_or(all_of(plan, arguments));
  const Outcome outcome = run(plan, faults, arguments.trace);
  print(outcome.counts);
  std::printf("seed %" PRIu64 " hash %016" PRIx64 " %s\n", plan.seed, outcome.hash,
              outcome.violation.value_or("keeps the promise").c_str());
  return !outcome.violation;
}

bool run_many(const Arguments& arguments) {
  Counts total;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = arguments.first; seed < arguments.first + arguments.count; ++seed) {
    const Plan plan = crier::simulation::plan(seed);
    const Faults faults = all_of(plan, arguments);
    const Outcome outcome = run(plan, faults, false);
    for (const auto& [what, count] : outcome.counts.of) total.add(what, count);
    if (outcome.violation) {
      report(plan, faults, *outcome.violation, arguments.brief);
      if (++failed == 3) return false;
    } else if (seed < arguments.first + 3 && run(plan, faults, false).hash != outcome.hash) {
      std::printf("seed %" PRIu64 " did not run the same way twice\n", seed);
      ++failed;
    }
    std::fflush(stdout);
  }
  print(total);
  if (arguments.count >= seeds_that_must_have_seen_it_all) {
    for (const char* what : must_happen) {
      if (total.of[what] != 0) continue;
      std::printf("nothing of this happened: %s\n", what);
      ++failed;
    }
  }
  if (arguments.count >= many_seeds && total.of[must_happen_seldom] == 0) {
    std::printf("nothing of this happened: %s\n", must_happen_seldom);
    ++failed;
  }
  std::printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", arguments.count, failed);
  return failed == 0;
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    std::printf(
        "usage: simulate --seeds N [--first S] [--without KIND] [--brief]\n"
        "       simulate --seed S [--faults 1,2,…] [--trace]\n");
    return 2;
  }
  return (arguments.seed ? run_one(arguments) : run_many(arguments)) ? 0 : 1;
}
