#include "http/error_response.hpp"

#include <gtest/gtest.h>

namespace crier::http {
namespace {

TEST(ErrorResponse, HasTheErrorsStatusAndSaysTheRestAsJson) {
  const Response response = error_response({404, "not_found", R"(There is no "x" here.)", "/a/b"});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body,
            R"({"code":"not_found","message":"There is no \"x\" here.","path":"/a/b"})");
}

}  // namespace
}  // namespace crier::http
