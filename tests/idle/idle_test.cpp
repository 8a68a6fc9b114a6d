// What an idle client costs a gateway in memory of its own, measured at its allocator.

#include "tests/support/gateway_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>
#include <sstream>
#include <sys/resource.h>

namespace {

/// Bytes in use that this thread allocated, where it counts: the block and what malloc keeps of it.
thread_local std::atomic<std::int64_t>* bytes_in_use = nullptr;

void count(void* block, int sign) {
  if (bytes_in_use == nullptr || block == nullptr) return;
  const auto bytes = static_cast<std::int64_t>(::malloc_usable_size(block) + sizeof(std::size_t));
  bytes_in_use->fetch_add(sign * bytes, std::memory_order_relaxed);
}

void* allocate(std::size_t size) {
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  count(block, 1);
  return block;
}

void release(void* block) {
  count(block, -1);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t /*size*/) noexcept { release(block); }
void operator delete[](void* block, std::size_t /*size*/) noexcept { release(block); }

namespace crier::server {
namespace {

class IdleTest : public GatewayFixture {
 protected:
  static constexpr std::size_t clients = 1'000;
  static constexpr std::size_t programs = 20;

  IdleTest() {
    auto store = sqlite::Store::open(path, sqlite::Store::Mode::create);
    std::stringstream lines;
    for (std::size_t i = 0; i < clients; ++i) {
      const std::string id = "user-" + std::to_string(i);
      lines << R"({"user":{"id":")" << id << R"(","name":"N","role":"r","active":true}})" << '\n';
      for (const std::size_t program : {i % programs, (i + 7) % programs}) {
        lines << R"({"member":{"programId":"program-)" << program << R"(","userId":")" << id
              << R"(","active":true}})" << '\n';
      }
    }
    EXPECT_TRUE((*store)->import(lines));
  }

  void run_counting() {
    GatewayOptions chosen = options();
    chosen.server.workers = 1;  // on the thread that counts
    gateway = std::make_unique<Gateway>(chosen, LogSink());
    ASSERT_TRUE(gateway->listen());
    thread = std::thread([this] {
      bytes_in_use = &bytes;
      gateway->run();
    });
    EXPECT_THAT(get("/healthz"), testing::EndsWith("ok\n"));
  }

  /// When all that was asked for before has been done.
  std::int64_t settled() {
    EXPECT_THAT(get("/healthz"), testing::EndsWith("ok\n"));
    return bytes;
  }

  std::atomic<std::int64_t> bytes = 0;
};

TEST_F(IdleTest, AClientWithSessionUserAndRoomsKeepsLittle) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 2 * clients + 200);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  run_counting();
  member("user-0")->close();  // what is there for all is there
  const std::int64_t before = settled();
  std::vector<std::unique_ptr<LoopbackClient>> members;
  for (std::size_t i = 0; i < clients; ++i) {
    members.push_back(member("user-" + std::to_string(i)));
  }
  const auto each = static_cast<double>(settled() - before) / clients;
  RecordProperty("bytes", std::to_string(each));
  EXPECT_LT(each, 1'000);
  EXPECT_GT(each, 300) << "the count misses something";
}

}  // namespace
}  // namespace crier::server
