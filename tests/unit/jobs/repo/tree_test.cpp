#include "jobs/repo/tree.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "jobs/repo/json_text.h"

namespace holdfast::repo {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

Result<Tree> Decode(std::string_view text) { return DecodeTree(AsBytes(text)); }

// A tree of one node with these fields beside the times that every node has.
std::string TreeText(std::string_view fields) {
  return R"({"nodes":[{"mtime":"2020-01-02T03:04:05Z","atime":"2020-01-02T03:04:05Z",)"
         R"("ctime":"2020-01-02T03:04:05Z",)" +
         std::string(fields) + "}]}\n";
}

FileTime At(std::string_view text) { return ParseFileTime(text).value(); }

// The expected sides were printed by Go's strconv.Quote and encoding/json.
TEST(GoQuote, SpellsNamesAsGo) {
  EXPECT_EQ(GoQuote("plain-1.txt"), "plain-1.txt");
  EXPECT_EQ(GoQuote("b\xff\"\\\n<&"), R"(b\xff\"\\\n<&)");
  EXPECT_EQ(GoQuote("\a\b\f\r\t\v\x01\x7f"), R"(\a\b\f\r\t\v\x01\x7f)");
  EXPECT_EQ(GoQuote("gr\u00fc\u00dfe \u4f60\u597d \U0001F600"),
            "gr\u00fc\u00dfe \u4f60\u597d \U0001F600");
  EXPECT_EQ(GoQuote("\u00a0\u00ad\u200b\u2028\ufeff"), R"(\u00a0\u00ad\u200b\u2028\ufeff)");
  EXPECT_EQ(GoQuote("\U000E0001"), R"(\U000e0001)");
  EXPECT_EQ(GoQuote("\ufffd"), "\ufffd");
  EXPECT_EQ(GoQuote("\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe4\xbd"),
            R"(\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe4\xbd)");
}

TEST(GoQuote, ComesBackForAnyBytes) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  all += "\u4f60\U000E0001\u200b";
  EXPECT_EQ(GoUnquote(GoQuote(all)).value(), all);
  EXPECT_EQ(GoUnquote(R"(\101\u0041\U00000041\x41)").value(), "AAAA");
}

TEST(GoQuote, WhatGoDoesNotWriteIsInvalid) {
  for (const char* text : {"\"", "\\", "\\x4", "\\xzz", "\\u12", "\\ud800", "\\U00110000", "\\q",
                           "\\777", "\n", "\\u+123"})
    EXPECT_FALSE(GoUnquote(text)) << text;
}

TEST(JsonText, EscapesAsGo) {
  EXPECT_EQ(Json("a\"\\/\n\r\t\b\f\x01\x7f"), "\"a\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\x7f\"");
  EXPECT_EQ(Json("<>&"), R"("\u003c\u003e\u0026")");
  EXPECT_EQ(Json("\u2028\u2029\u00e9"), "\"\\u2028\\u2029\u00e9\"");
  EXPECT_EQ(Json("a\xff\xc3"), R"("a\ufffd\ufffd")");
}

TEST(FileTime, IsSpelledInUtcWithoutTrailingZeros) {
  EXPECT_EQ(FormatFileTime({0, 0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatFileTime({1577934245, 120'000'000}), "2020-01-02T03:04:05.12Z");
  EXPECT_EQ(FormatFileTime({-1, 999'999'999}), "1969-12-31T23:59:59.999999999Z");
}

TEST(FileTime, YearsThatCannotBeSpelledAreMovedAsResticDoes) {
  EXPECT_EQ(FormatFileTime({253402300800, 5}), "9999-01-01T00:00:00.000000005Z");  // year 10000
  EXPECT_EQ(FormatFileTime({-62167219201, 0}), "0000-12-31T23:59:59Z");            // year -1
  EXPECT_EQ(FormatFileTime({INT64_MAX / 2, 0}).substr(0, 5), "9999-");
  EXPECT_EQ(FormatFileTime({INT64_MIN / 2, 0}).substr(0, 5), "0000-");
}

TEST(FileTime, ComesBack) {
  for (const char* text : {"0001-01-01T00:00:00Z", "1677-09-21T00:12:43.1Z", "2262-04-11T23:47:17Z",
                           "9999-12-31T23:59:59.999999999Z", "0000-02-29T12:00:00Z"})
    EXPECT_EQ(FormatFileTime(At(text)), text);
  EXPECT_EQ(At("2020-01-02T03:04:05.5+02:00"), At("2020-01-02T01:04:05.5Z"));
  EXPECT_EQ(At("2020-01-01T23:04:05-03:30"), At("2020-01-02T02:34:05Z"));
  for (const char* text : {"", "2020", "2020-13-01T00:00:00Z", "2020-02-30T00:00:00Z",
                           "2020-01-01T24:00:00Z", "2020-01-01T00:00:00", "2020-01-01T00:00:00.Z",
                           "2020-01-01T00:00:00+2:00", "2020-01-01T00:00:00Zx"})
    EXPECT_FALSE(ParseFileTime(text)) << text;
}

TEST(Mode, IsGosFileMode) {
  EXPECT_EQ(GoMode(S_IFREG | 0644), 0644U);
  EXPECT_EQ(GoMode(S_IFDIR | 0755), 2147484141U);         // as restic printed it
  EXPECT_EQ(GoMode(S_IFREG | S_ISUID | 0755), 8389101U);  // as restic printed it
  EXPECT_EQ(GoMode(S_IFCHR | 0600), (1U << 26 | 1U << 21 | 0600U));
  for (const mode_t type : {S_IFREG, S_IFDIR, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK})
    for (const mode_t bits : {0000U, 0777U, 07777U, 04711U, 01777U, 02070U})
      EXPECT_EQ(PosixMode(GoMode(type | bits)), type | bits);
}

// The order of fields and what is left out, from `restic cat blob`.
TEST(Tree, IsSpelledAsRestic) {
  Node file;
  file.name = "b\xff\"\\\n<&";
  file.mode = GoMode(S_IFREG | 0644);
  file.mtime = file.atime = file.ctime = At("2020-01-02T03:04:05.12Z");
  file.uid = 1000;
  file.user = "fd0";
  file.group = "users";
  file.inode = 5;
  file.device_id = 65024;
  file.size = 6;
  file.links = 1;
  file.extended_attributes = {{"user.foo", "bar"}};
  file.content = {Id::Of(AsBytes("hello\n"))};
  EXPECT_EQ(EncodeNode(file),
            R"({"name":"b\\xff\\\"\\\\\\n\u003c\u0026","type":"file","mode":420,)"
            R"("mtime":"2020-01-02T03:04:05.12Z","atime":"2020-01-02T03:04:05.12Z",)"
            R"("ctime":"2020-01-02T03:04:05.12Z","uid":1000,"gid":0,"user":"fd0","group":"users",)"
            R"("inode":5,"device_id":65024,"size":6,"links":1,)"
            R"("extended_attributes":[{"name":"user.foo","value":"YmFy"}],"content":[")"
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\"]}");
}

TEST(Tree, EmptyIsAnEmptyList) {
  EXPECT_EQ(EncodeTree({}).value(), "{\"nodes\":[]}\n");
  EXPECT_TRUE(Decode("{\"nodes\":[]}\n").value().nodes.empty());
  EXPECT_TRUE(Decode("{\"nodes\":null}\n").value().nodes.empty());
}

TEST(Tree, EveryFieldComesBack) {
  Node node;
  node.name = "x\x80";
  node.type = NodeType::kSymlink;
  node.mode = 7;
  node.mtime = At("0001-01-01T00:00:00Z");
  node.atime = At("2020-01-01T00:00:00.000000001Z");
  node.uid = UINT32_MAX;
  node.inode = UINT64_MAX;
  node.device = UINT64_MAX;
  node.link_target = "\xff/there";
  node.extended_attributes = {{"a", std::string("\0\xff", 2)}, {"b", ""}};
  node.generic_attributes = R"({"windows.file_attributes":[32,1]})";
  node.content = std::vector<Id>{};
  node.subtree = Id::Random();
  node.error = "e";
  Node dir;
  dir.name = "y";
  dir.type = NodeType::kDir;
  const Tree tree{{node, dir}};
  const std::string text = EncodeTree(tree).value();
  const Tree read = Decode(text).value();
  EXPECT_EQ(read.nodes, tree.nodes);
  EXPECT_EQ(EncodeTree(read).value(), text);
}

TEST(Tree, AnInvalidLinkTargetIsKeptRaw) {
  Node node;
  node.name = "l";
  node.link_target = "\xff";
  EXPECT_NE(EncodeNode(node).find(R"("linktarget":"\ufffd","linktarget_raw":"/w==")"),
            std::string::npos);
}

TEST(Tree, NamesMustRise) {
  TreeBuilder builder;
  Node node;
  node.name = "b";
  ASSERT_TRUE(builder.Add(node));
  EXPECT_EQ(builder.Add(node).error().code, Code::kInvalid);
  node.name = "a";
  EXPECT_FALSE(builder.Add(node));
  node.name = "b\xff";  // bytes are compared as unsigned
  EXPECT_TRUE(builder.Add(node));
  EXPECT_EQ(builder.count(), 2U);
  EXPECT_EQ(Decode(R"({"nodes":[{"name":"b"},{"name":"a"}]})").error().code, Code::kCorrupt);
}

TEST(Tree, ANameThatLeadsElsewhereIsCorrupt) {
  for (const char* name : {"", ".", "..", "a/b", "/", "../../etc/passwd", "a\\\\x00b"})
    EXPECT_EQ(Decode(TreeText(R"("type":"file","name":")" + std::string(name) + '"')).error().code,
              Code::kCorrupt)
        << name;
  EXPECT_TRUE(Decode(TreeText(R"("type":"file","name":"...")")));
}

TEST(Tree, WhatCannotBeIsCorrupt) {
  for (const char* fields :
       {R"("name":5)", R"("name":"a","uid":-1)", R"("name":"a","uid":4294967296)",
        R"("name":"a","size":"6")", R"("name":"a","content":{})", R"("name":"a","content":["zz"])",
        R"("name":"a","subtree":"12")", R"("name":"a","mtime":"yesterday")",
        R"("name":"a","extended_attributes":[5])", R"("name":"a\\q")",
        R"("name":"a","extended_attributes":[{"name":"x","value":"*"}])"})
    EXPECT_EQ(Decode(TreeText(fields)).error().code, Code::kCorrupt) << fields;
  for (const char* text : {"", "[]", "{", "{\"nodes\":[{]}", "null"})
    EXPECT_EQ(Decode(text).error().code, Code::kCorrupt) << text;
  EXPECT_FALSE(Decode("{\"nodes\":[{\"name\":\"a\",\"x\":" + std::string(100'000, '[')));
}

TEST(Tree, FindLooksUpByName) {
  Tree tree;
  for (const char* name : {"a", "c", "e"}) tree.nodes.emplace_back().name = name;
  EXPECT_EQ(tree.Find("c"), &tree.nodes[1]);
  EXPECT_EQ(tree.Find("b"), nullptr);
  EXPECT_EQ(tree.Find("f"), nullptr);
}

}  // namespace
}  // namespace holdfast::repo
