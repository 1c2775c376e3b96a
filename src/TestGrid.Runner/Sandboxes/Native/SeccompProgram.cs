using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Compiles <see cref="Walls.Seccomp"/> with libseccomp, as crun and runc do at every start; we do it once in the
/// runner's life.
/// </summary>
internal static unsafe partial class SeccompProgram
{
    private const int NoSuchCall = -1; // __NR_SCMP_ERROR
    private const int Optimize = 8; // SCMP_FLTATR_CTL_OPTIMIZE
    private const uint AsTree = 2;

    private static readonly string[] Comparisons =
    [
        "",
        "SCMP_CMP_NE",
        "SCMP_CMP_LT",
        "SCMP_CMP_LE",
        "SCMP_CMP_EQ",
        "SCMP_CMP_GE",
        "SCMP_CMP_GT",
        "SCMP_CMP_MASKED_EQ",
    ];

    /// <summary>The program, an array of <c>struct sock_filter</c>.</summary>
    /// <exception cref="SandboxException">There is no libseccomp, or it refuses the profile.</exception>
    public static byte[] Compile()
    {
        try
        {
            return Compile(Walls.Seccomp());
        }
        catch (DllNotFoundException e)
        {
            throw new SandboxException("libseccomp is missing. Install it: apt-get install libseccomp2", e);
        }
    }

    private static byte[] Compile(JsonObject profile)
    {
        var usual = ActionOf(profile["defaultAction"]!, profile["defaultErrnoRet"]);
        var filter = Init(usual);
        if (filter == 0)
            throw new SandboxException("libseccomp makes no filter.");
        try
        {
            // With the 32-bit sibling: C projects test with -m32. An architecture not named here cannot make any call.
            // ELF's number for the machine, with flags for 64 bit and byte order: AUDIT_ARCH_I386, AUDIT_ARCH_ARM.
            Check(AddArchitecture(filter, Arm ? 0x4000_0028u : 0x4000_0003u), "an architecture");
            _ = SetAttribute(filter, Optimize, AsTree); // an older one makes a longer way of the same
            foreach (var rule in profile["syscalls"]!.AsArray())
                AddRules(filter, rule!.AsObject(), usual);
            return Export(filter);
        }
        finally
        {
            Release(filter);
        }
    }

    private static bool Arm => RuntimeInformation.ProcessArchitecture is Architecture.Arm64;

    private static void AddRules(nint filter, JsonObject rule, uint usual)
    {
        var action = ActionOf(rule["action"]!, rule["errnoRet"]);
        if (action == usual)
            return;
        Comparison[] comparisons =
        [
            .. (rule["args"]?.AsArray() ?? []).Select(arg => new Comparison
            {
                Argument = (uint)arg!["index"]!,
                Operator = Array.IndexOf(Comparisons, (string)arg["op"]!),
                First = (ulong)arg["value"]!,
                Second = (ulong)arg["valueTwo"]!,
            }),
        ];
        foreach (var name in rule["names"]!.AsArray())
        {
            var call = FindCall((string)name!);
            if (call == NoSuchCall)
                continue; // newer than the library: the usual answer is «no such call»
            fixed (Comparison* first = comparisons)
                Check(AddRule(filter, action, call, (uint)comparisons.Length, first), (string)name!);
        }
    }

    private static byte[] Export(nint filter)
    {
        // The most that the kernel takes, 4,096 instructions of 8 bytes, is half of what a pipe holds.
        using var reader = new AnonymousPipeServerStream(PipeDirection.In);
        Check(Export(filter, (int)reader.ClientSafePipeHandle.DangerousGetHandle()), "the program");
        reader.DisposeLocalCopyOfClientHandle();
        using var program = new MemoryStream();
        reader.CopyTo(program);
        return program.ToArray();
    }

    private static uint ActionOf(JsonNode name, JsonNode? error) =>
        (string)name! switch
        {
            "SCMP_ACT_ALLOW" => 0x7fff_0000,
            "SCMP_ACT_ERRNO" => 0x0005_0000 | (uint)error!,
            var other => throw new InvalidOperationException($"seccomp.json has the action {other}."),
        };

    private static void Check(int result, string what)
    {
        if (result < 0)
            throw new SandboxException($"libseccomp refuses {what}: error {-result}.");
    }

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_init")]
    private static partial nint Init(uint action);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_release")]
    private static partial void Release(nint filter);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_arch_add")]
    private static partial int AddArchitecture(nint filter, uint architecture);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_attr_set")]
    private static partial int SetAttribute(nint filter, int attribute, uint value);

    [LibraryImport(
        "libseccomp.so.2",
        EntryPoint = "seccomp_syscall_resolve_name",
        StringMarshalling = StringMarshalling.Utf8
    )]
    private static partial int FindCall(string name);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_rule_add_array")]
    private static partial int AddRule(nint filter, uint action, int call, uint count, Comparison* comparisons);

    [LibraryImport("libseccomp.so.2", EntryPoint = "seccomp_export_bpf")]
    private static partial int Export(nint filter, int file);

    // struct scmp_arg_cmp
    private struct Comparison
    {
        public uint Argument;
        public int Operator;
        public ulong First;
        public ulong Second;
    }
}
