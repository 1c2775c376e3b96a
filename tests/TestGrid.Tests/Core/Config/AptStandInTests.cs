using TestGrid.Core.Config;

namespace TestGrid.Tests.Core.Config;

public sealed class AptStandInTests
{
    [Theory]
    [InlineData("g++-4.8", "g++", "g++-4.8=g++")]
    [InlineData("gcc-8-multilib", "gcc-multilib", "gcov-8=gcov")]
    [InlineData("clang-5.0", "clang", "clang++-5.0=clang++")]
    [InlineData("clang-format-6.0", "clang-format", "clang-format-6.0=clang-format")]
    [InlineData("llvm-6.0-dev", "llvm-dev", "llvm-config-6.0=llvm-config")]
    [InlineData("libstdc++-5-dev", "g++", null)]
    [InlineData("libboost-system1.55-dev", "libboost-system-dev", null)]
    [InlineData("libboost1.55-all-dev", "libboost-all-dev", null)]
    [InlineData("libboost1.55-dev", "libboost-dev", null)]
    [InlineData("postgresql-client-10", "postgresql-client", null)]
    [InlineData("mysql-client-core-5.6", "default-mysql-client", null)]
    [InlineData("google-chrome-beta", "chromium", "google-chrome=chromium")]
    [InlineData("chromium-browser", "chromium", "chromium-browser=chromium")]
    [InlineData("libgcc1:i386", "libgcc-s1:i386", null)]
    [InlineData("libz-dev=1:1.2*", "zlib1g-dev", null)]
    public void An_old_name_means_what_Debian_calls_it_today(string package, string instead, string? program)
    {
        var other = AptStandIn.Of(package);

        Assert.Equal((package, instead), (other?.Package, other?.Instead));
        if (program is not null)
            Assert.Contains(program, other!.Programs);
    }

    [Theory]
    [InlineData("cmake")]
    [InlineData("mysql-server-5.6")] // a server that nobody would start
    [InlineData("mongodb-org")]
    [InlineData("ghc-ppa-tools")]
    [InlineData("postgresql-9.6-postgis-2.3")]
    [InlineData("g++-7; reboot")]
    public void What_means_nothing_else_has_no_stand_in(string package) => Assert.Null(AptStandIn.Of(package));
}
