using TestGrid.Tests.Core.Jobs;

namespace TestGrid.Tests.Core.Config.Languages;

/// <summary>Languages' own steps, run by bash with tools that only say how they were called.</summary>
public sealed class LanguageRunTests
{
    [Theory]
    [InlineData("java", "", "pom.xml", "mvn install -DskipTests=true -Dmaven.javadoc.skip=true -B -V|mvn test -B")]
    [InlineData("java", "", "build.gradle pom.xml", "gradle assemble|gradle check")]
    [InlineData("groovy", "", "mvnw", "./mvnw install -DskipTests=true -Dmaven.javadoc.skip=true -B -V|./mvnw test -B")]
    [InlineData("java", "", "", "ant test")]
    [InlineData("scala", "scala: 2.13.1", "build.sbt", "sbt ++2.13.1 test")]
    [InlineData("clojure", "", "", "lein deps|lein test")]
    [InlineData("ruby", "", "Gemfile", "bundle install --jobs=3 --retry=3|bundle exec rake")]
    [InlineData("ruby", "", "Gemfile Gemfile.lock", "bundle install --jobs=3 --retry=3 --deployment|bundle exec rake")]
    [InlineData(
        "ruby",
        "bundler_args: --without=x",
        "Gemfile Gemfile.lock",
        "bundle install --without=x|bundle exec rake"
    )]
    [InlineData(
        "ruby",
        "cache: bundler",
        "Gemfile",
        "bundle install --jobs=3 --retry=3 --path=vendor/bundle|bundle exec rake"
    )]
    [InlineData("ruby", "gemfile: g/one", "g/one", "bundle install --jobs=3 --retry=3|bundle exec rake")]
    [InlineData("ruby", "", "", "rake")]
    [InlineData("node_js", "", "package.json", "npm install|npm test")]
    [InlineData("node_js", "npm_args: --legacy", "package.json package-lock.json", "npm ci --legacy|npm test")]
    [InlineData("node_js", "", "package.json yarn.lock", "yarn --frozen-lockfile|yarn test")]
    [InlineData("node_js", "", "", "make test")]
    [InlineData("php", "", "", "phpunit")]
    [InlineData("php", "", "vendor/bin/phpunit", "$TRAVIS_BUILD_DIR/vendor/bin/phpunit")]
    [InlineData("perl", "", "Makefile.PL", "cpanm --quiet --installdeps --notest .|perl Makefile.PL && make test")]
    [InlineData("go", "", "go.mod", "go get -v -t ./...|go test -v ./...")]
    [InlineData("go", "gobuild_args: -race -t", "go.mod", "go get -race -t ./...|go test -race -t ./...")]
    [InlineData("go", "", "Makefile", "make")]
    [InlineData("rust", "", "", "cargo build --verbose|cargo test --verbose")]
    [InlineData("erlang", "", "rebar.config", "rebar3 eunit")]
    [InlineData("elixir", "elixir: 1.14", "", "mix local.rebar --force|mix local.hex --force|mix deps.get|mix test")]
    [InlineData("csharp", "solution: a.sln", "", "nuget restore a.sln|msbuild /p:Configuration=Release a.sln")]
    [InlineData("crystal", "", "shard.yml", "shards install|crystal spec")]
    public async Task A_language_does_what_its_files_ask_for(
        string language,
        string yaml,
        string files,
        string commands
    )
    {
        var run = await RunAsync(language, yaml, files);

        Assert.Equal(0, run.ExitCode);
        var first = run.Phases.First(phase => phase.Phase is "install" or "script").LogOffset;
        var told = Told(run.Output[(int)first..]);
        Assert.Equal(commands, string.Join('|', told));
    }

    [Theory]
    [InlineData("python", "", "Please override the script: key in your .travis.yml to run tests.")]
    [InlineData("csharp", "mono: none", "No solution or script defined, exiting")]
    [InlineData("r", "", "No DESCRIPTION file found, user must supply their own install and script steps")]
    [InlineData("ruby", "gemfile: none", "The gemfile none of the configuration does not exist.")]
    public async Task Without_what_it_needs_a_job_fails_and_says_so(string language, string yaml, string sentence)
    {
        var run = await RunAsync(language, yaml + "\nafter_failure: echo AF\nafter_script: echo AC", "");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(sentence + "\n", run.Visible, StringComparison.Ordinal);
        Assert.Contains("\nAF\n", run.Visible, StringComparison.Ordinal);
        Assert.DoesNotContain("\nAC\n", run.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkout_without_go_mod_stands_in_GOPATH()
    {
        var run = await RunAsync("go", "go_import_path: example.org/x/y\nscript: pwd; echo $TRAVIS_GO_IMPORT_PATH", "");

        Assert.Contains(
            "\n/home/travis/gopath/src/example.org/x/y\nexample.org/x/y\n",
            run.Visible,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("ruby", "rvm: 3.1", "TRAVIS_RUBY_VERSION=3.1")]
    [InlineData("node_js", "node_js: 18", "TRAVIS_NODE_VERSION=18")]
    [InlineData("java", "jdk: openjdk17", "TRAVIS_JDK_VERSION=openjdk17")]
    [InlineData("scala", "scala: 2.13.1", "TRAVIS_SCALA_VERSION=2.13.1")]
    [InlineData("php", "php: 8.2", "TRAVIS_PHP_VERSION=8.2")]
    [InlineData("perl", "perl: 5.3", "TRAVIS_PERL_VERSION=5.30")]
    [InlineData("go", "go: 1.19.x", "TRAVIS_GO_VERSION=1.19.x")]
    [InlineData("rust", "rust: stable", "TRAVIS_RUST_VERSION=stable")]
    [InlineData("haskell", "ghc: 9.0", "TRAVIS_HASKELL_VERSION=9.0")]
    [InlineData("erlang", "otp_release: 25", "TRAVIS_OTP_RELEASE=25")]
    [InlineData("elixir", "elixir: 1.14", "TRAVIS_ELIXIR_VERSION=1.14")]
    [InlineData("r", "r: devel", "TRAVIS_R_VERSION=devel")]
    [InlineData("csharp", "solution: x.sln", "TRAVIS_SOLUTION=x.sln")]
    public async Task A_version_is_in_the_variable_that_Travis_uses(string language, string yaml, string variable)
    {
        var run = await RunAsync(language, yaml + "\ninstall: true\nscript: env", "");

        Assert.Contains($"\n{variable}\n", run.Visible, StringComparison.Ordinal);
    }

    private static readonly string[] Tools =
    [
        .. "mvn gradle ant sbt lein java javac bundle rake ruby gem npm yarn node make phpunit php composer perl".Split(
            ' '
        ),
        .. "cpanm go cargo rustc rebar3 rebar mix elixir nuget msbuild mono crystal shards ghc cabal Rscript R".Split(
            ' '
        ),
    ];

    private static async Task<ScriptRun> RunAsync(string language, string yaml, string files)
    {
        var bin = Directory.CreateTempSubdirectory("testgrid-tools-").FullName;
        try
        {
            foreach (var tool in Tools)
            {
                var path = Path.Combine(bin, tool);
                await File.WriteAllTextAsync(path, "#!/bin/sh\necho 9.0.0\n", TestContext.Current.CancellationToken);
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }

            var config = LanguageDefaultsTests.Job($"language: {language}\n{yaml}\n");
            var order = ScriptRun.Order(config);
            return await ScriptRun.OfAsync(
                order,
                new Dictionary<string, string> { ["PATH"] = $"{bin}:/usr/bin:/bin" },
                files.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            );
        }
        finally
        {
            Directory.Delete(bin, recursive: true);
        }
    }

    private static IEnumerable<string> Told(string output) =>
        output
            .Split('\n')
            .Select(line => line[(line.LastIndexOf('\r') + 1)..].Replace("\e[0K", "", StringComparison.Ordinal))
            .Where(line => line.StartsWith("$ ", StringComparison.Ordinal))
            .Select(line => line[2..]);
}
