using System.Net;
using TestGrid.Runner.Git;

namespace TestGrid.Tests.Runner.Git;

public sealed class GitUrlTests
{
    [Theory]
    [InlineData("https://github.com/a/b.git", GitUrlKind.Https, "github.com", "a/b.git")]
    [InlineData("https://Example.org:8443/a/b", GitUrlKind.Https, "example.org", "a/b")]
    [InlineData("ssh://git@example.org/a/b.git", GitUrlKind.Ssh, "example.org", "a/b.git")]
    [InlineData("ssh://git@example.org:2222/a/b.git", GitUrlKind.Ssh, "example.org", "a/b.git")]
    [InlineData("git@example.org:a/b.git", GitUrlKind.Ssh, "example.org", "a/b.git")]
    [InlineData("/srv/git/a", GitUrlKind.Local, "", "/srv/git/a")]
    public void Https_ssh_and_the_operators_paths_pass(string text, GitUrlKind kind, string host, string path)
    {
        Assert.True(GitUrl.Check(text, allowLocal: true, out var url, out _));
        Assert.Equal((kind, host, path), (url.Kind, url.Host, url.Path));
    }

    [Theory]
    [InlineData("ext::sh -c id", "blank")]
    [InlineData("ext::sh%20-c%20id", "starts a program")]
    [InlineData("fd::17", "starts a program")]
    [InlineData("file:///etc", "file://")]
    [InlineData("FILE:///etc", "file://")]
    [InlineData("http://example.org/a", "http://")]
    [InlineData("git://example.org/a", "git://")]
    [InlineData("-oProxyCommand=id", "dash")]
    [InlineData("ssh://-oProxyCommand=id/a", "dash")]
    [InlineData("ssh://git@-oProxyCommand=id/a", "dash")]
    [InlineData("-oProxyCommand=id@host:a", "dash")]
    [InlineData("git@-oProxyCommand=id:a", "dash")]
    [InlineData("git@host:-x", "not an address")]
    [InlineData("ssh://host/-x", "not an address")]
    [InlineData("https://user:secret@example.org/a", "credential")]
    [InlineData("https://example.org/a\nb", "control character")]
    [InlineData("https://example.org/a\0b", "control character")]
    [InlineData("https://example.org/a b", "blank")]
    [InlineData("https://example.org/a/../../b", "..")]
    [InlineData("https://exa\u0430mple.org/a", "not an address")]
    [InlineData("https:///a", "not an address")]
    [InlineData("https://example.org", "not an address")]
    [InlineData("ssh://host/a'b", "not an address")]
    [InlineData("ssh://host/$(id)", "not an address")]
    [InlineData("../up", "not an address")]
    [InlineData("relative/path", "not an address")]
    [InlineData("/srv/../etc", "..")]
    [InlineData("", "empty")]
    public void All_else_is_refused_with_a_sentence(string text, string says)
    {
        Assert.False(GitUrl.Check(text, allowLocal: true, out _, out var problem));
        Assert.Contains(says, problem, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_is_refused_where_a_stranger_names_it()
    {
        Assert.False(GitUrl.Check("/etc", allowLocal: false, out _, out var problem));
        Assert.Contains("path of this machine", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://h/a/b.git", "../c.git", "https://h/a/c.git")]
    [InlineData("https://h/a/b.git/", "./c", "https://h/a/b.git/c")]
    [InlineData("https://h:1/a/b", "../../c/d", "https://h:1/c/d")]
    [InlineData("git@h:a/b.git", "../c.git", "git@h:a/c.git")]
    [InlineData("git@h:b.git", "../c.git", "git@h:c.git")]
    [InlineData("ssh://git@h/a/b", "../c", "ssh://git@h/a/c")]
    [InlineData("/srv/a", "../b", "/srv/b")]
    [InlineData("https://h/a", "../../../evil.org/x", "")]
    public void A_relative_address_is_one_of_the_same_host(string parent, string relative, string expected)
    {
        Assert.True(GitUrl.Check(parent, allowLocal: true, out var url, out _));
        Assert.Equal(expected, url.Resolve(relative));
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("172.20.0.1", true)]
    [InlineData("172.32.0.1", false)]
    [InlineData("192.168.1.1", true)]
    [InlineData("169.254.169.254", true)]
    [InlineData("100.64.0.1", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("::1", true)]
    [InlineData("::ffff:10.0.0.1", true)]
    [InlineData("fd00::1", true)]
    [InlineData("fe80::1", true)]
    [InlineData("8.8.8.8", false)]
    [InlineData("2001:db8::1", false)]
    public void Addresses_of_a_network_of_ones_own_are_known(string address, bool isPrivate) =>
        Assert.Equal(isPrivate, PrivateAddress.IsPrivate(IPAddress.Parse(address)));
}
